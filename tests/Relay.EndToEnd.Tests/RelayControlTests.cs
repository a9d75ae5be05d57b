using System.Net;
using System.Text;
using Relay.EndToEnd.Tests.Harness;

namespace Relay.EndToEnd.Tests;

/// <summary>Whatever a stranger writes for an address, by whichever way it comes in: nothing goes but to our own domains.</summary>
public sealed class RelayControlTests
{
    private const string StrangersMayWriteToUs = """
        relay_from = ["127.0.0.99/32"]
        relay_domains = ["ours.test"]
        """;

    private const string EveryListener = """
        [[listener]]
        address = "[::1]:0"
        role = "relay"
        tls = "starttls"
        [[listener]]
        address = "127.0.0.1:0"
        role = "submission"
        tls = "starttls"
        [[listener]]
        address = "[::1]:0"
        role = "submission"
        tls = "starttls"
        [[listener]]
        address = "127.0.0.1:0"
        role = "submission"
        tls = "implicit"
        [[listener]]
        address = "[::1]:0"
        role = "submission"
        tls = "implicit"
        """;

    private const string RouteToUs = "<@to.test:user@ours.test>";

    private const string Patient = "errors = 1000";

    /// <summary>How mail was got to <c>user@to.test</c> by the servers of thirty years.</summary>
    private static readonly string[] ForwardPaths =
    [
        "<user@to.test>", "user@to.test", " <user@to.test>", "<USER@TO.TEST>", "<<user@to.test>>", "<user@to.test", "< user@to.test >", "Name <user@to.test>", "<user@to.test.>",
        "<\"user\"@to.test>", "<\"user@to.test\">", "<\"user@to.test\"@ours.test>", "<\"user@to.test\"@[127.0.0.1]>", "<\"user%to.test\"@ours.test>", "<user\\@to.test@ours.test>", "<\\user@to.test>",
        "<user(x)@to.test>", "<user@(ours.test)to.test>", "<user@to.test(@ours.test)>", "<user@to.test@ours.test>", "<user@to.test @ours.test>", "<user@to.test@[127.0.0.1]>", "<user@to.test@[IPv6:::1]>",
        "<user%to.test>", "<user%to.test@ours.test>", "<user%to.test@[127.0.0.1]>", "<user%to.test@127.0.0.1>", "<user%to.test@localhost>", "<user%to.test@relay.test>", "<user%to.test%ours.test@ours.test>",
        "<to.test!user>", "<to.test!user@ours.test>", "<to.test!user@[127.0.0.1]>", "<ours.test!to.test!user>", "<ours.test!user@to.test>", "<to.test!user@relay.test>",
        "<a@ours.test,user@to.test>", "<a@ours.test> <user@to.test>", "<user@ours.test.to.test>", "<user@sub.ours.test>", "<user@notours.test>", "<user@to.test\0@ours.test>", "<user@to.test\0.ours.test>",
        // Which is nobody's trick, but a route to one of ours that is to be ignored (RFC 5321 App. C).
        RouteToUs,
        "<@ours.test:user@to.test>", "<@[127.0.0.1]:user@to.test>", "<@localhost:user@to.test>", "<@ours.test,@to.test:user@to.test>", "@ours.test:user@to.test", "<@:user@to.test>", "<@ours.test:user%to.test@ours.test>",
        "<user@[127.0.0.1]>", "<user@[IPv6:::1]>", "<user@[192.0.2.1]>", "<user@relay.test>", "<user@localhost>", "<user@to.test> NOTIFY=SUCCESS ORCPT=rfc822;a@ours.test", "<user@to.test> XOURS=ours.test", "<>", "<user>", "<user@>",
    ];

    /// <summary>Who mail was said to come from.</summary>
    private static readonly string[] ReversePaths = ["<a@from.test>", "<>", "<a@ours.test>", "<postmaster@ours.test>", "<a@[127.0.0.1]>", "<a@localhost>", "<a@relay.test>", "<user@to.test>", "<@ours.test:a@from.test>", "<a@from.test> AUTH=a@ours.test"];

    [Fact]
    public async Task No_trick_gets_mail_through_any_listener_in_clear_or_TLS_over_IPv4_or_IPv6_after_HELO_or_EHLO()
    {
        await using ScriptedServer server = ScriptedServer.Start();
        await using RelayProcess relay = await RelayProcess.StartAsync(
            RelaySettings.SmartHost(server.Address, server.Port) with { Access = StrangersMayWriteToUs, Limits = Patient, Listeners = ["starttls"], Tables = EveryListener });
        int ways = 0;
        int tried = 0;
        foreach ((int at, IPEndPoint listener) in relay.Listeners.Index())
        {
            foreach (bool tls in (bool[])[false, true])
            {
                bool isImplicit = at >= 4;
                if (isImplicit && !tls)
                {
                    continue;
                }

                foreach (string hello in (string[])["HELO client.test", "EHLO client.test"])
                {
                    ways++;
                    tried += await TryAllAsync(listener, tls, isImplicit, hello);
                }
            }
        }

        using RawClient friend = await RawClient.ConnectAsync(relay.Listener, "127.0.0.99");
        await friend.HelloAsync();
        Assert.StartsWith("250 ", await friend.SendMessageAsync("a@from.test", "canary@to.test", "Subject: last\r\n\r\n"u8.ToArray()), StringComparison.Ordinal);
        await server.MessageAsync(static m => m.ForwardPaths.Contains("canary@to.test"), "what is sent behind them all");
        Assert.Equal(0, await relay.StopAsync());

        string[] arrived = [.. server.Messages.SelectMany(static m => m.ForwardPaths).Where(static path => path != "canary@to.test")];
        Figure.Report($"I1: {tried} tricks in {ways} ways in: {arrived.Length} messages went to ours.test, to others 0");
        // Those that may take mail for us, in clear and in TLS, after HELO and EHLO.
        Assert.Equal(Enumerable.Repeat("user@ours.test", 8), arrived);
        Assert.Equal(20, ways);
    }

    [Fact]
    public async Task A_local_part_reaches_the_next_hop_as_it_was_quoted()
    {
        await using ScriptedServer server = ScriptedServer.Start();
        await using RelayProcess relay = await RelayProcess.StartAsync(RelaySettings.SmartHost(server.Address, server.Port));
        string[] paths = ["\"a b\"@to.test", "\"a\\\"b\"@to.test", "\"\"@to.test", "\".\"@to.test", "\"a@b\"@to.test", "\"ab\"@to.test", "ab@to.test", "\"a\\b\"@to.test"];
        using RawClient client = await RawClient.ConnectAsync(relay.Listener);
        await client.HelloAsync();

        foreach (string path in paths)
        {
            Assert.StartsWith("250 ", await client.SendMessageAsync(path, path, "Subject: quoted\r\n\r\n"u8.ToArray()), StringComparison.Ordinal);
        }

        await Eventually.True(() => server.Messages.Count == paths.Length, "all messages are there");
        Assert.Equal(paths.Order(StringComparer.Ordinal), server.Messages.SelectMany(static m => m.ForwardPaths).Order(StringComparer.Ordinal));
        Assert.Equal(paths.Order(StringComparer.Ordinal), server.Messages.Select(static m => m.ReversePath).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Who_asks_for_a_domain_of_ours_in_other_letters_gets_there_and_nowhere_else()
    {
        await using ScriptedServer ours = ScriptedServer.Start();
        await using ScriptedServer elsewhere = ScriptedServer.Start();
        await using RelayProcess relay = await RelayProcess.StartAsync(
            RelaySettings.SmartHost(elsewhere.Address, elsewhere.Port) with { Access = StrangersMayWriteToUs, Limits = Patient, Routes = new Dictionary<string, string> { ["ours.test"] = $"smtp://{ours.Address}:{ours.Port}", ["*"] = $"smtp://{elsewhere.Address}:{elsewhere.Port}" } });
        using RawClient client = await RawClient.ConnectAsync(relay.Listener);
        await client.HelloAsync();

        foreach (string path in (string[])["user@ours.test.", "user@ours.test..", "user@.ours.test", "user@ours.test\t", "user@ours\u00adtest", "user@ours\u3002test", "user@0urs.test"])
        {
            string reply = await client.SendMessageAsync("a@from.test", path, "Subject: case\r\n\r\n"u8.ToArray());
            Assert.Matches("^5[0-9][0-9] 5\\.[157]", reply);
            Assert.StartsWith("250 ", await client.CommandAsync("RSET"), StringComparison.Ordinal);
        }

        Assert.StartsWith("250 ", await client.SendMessageAsync("a@from.test", "user@oUrS.TEST", "Subject: case\r\n\r\n"u8.ToArray()), StringComparison.Ordinal);
        ArrivedMessage message = await ours.MessageAsync(static _ => true, "the message for our domain");
        Assert.Equal(["user@oUrS.TEST"], message.ForwardPaths);
        Assert.Equal(0, await relay.StopAsync());
        Assert.Empty(elsewhere.Messages);
    }

    [Fact]
    public async Task What_a_shell_would_run_is_a_name_or_is_refused()
    {
        await using ScriptedServer server = ScriptedServer.Start();
        await using RelayProcess relay = await RelayProcess.StartAsync(RelaySettings.SmartHost(server.Address, server.Port) with { Limits = Patient });
        string mark = Path.Combine(relay.Folder, "mark");
        string[] localParts =
        [
            "|/bin/sh", "\"|touch " + mark + "\"", "../../x", "\"../../../" + mark + "\"", "$(touch${IFS}" + mark + ")", "\"$(touch " + mark + ")\"", "\";touch " + mark + ";\"", ";id", "-oX", "-f", "\"-oQ/tmp -X" + mark + "\"",
            "${run{/usr/bin/touch" + mark + "}}", "\"${run{/usr/bin/touch " + mark + "}}\"", "`id`", "\"`touch " + mark + "`\"", "/dev/null", "\"/" + mark + "\"", ":include:/etc/passwd", "\":include:/etc/passwd\"", "\"a\nb\"", "\"a\rb\"", "\"a\0b\"", "a\\\nb",
        ];
        int taken = 0;
        foreach (string localPart in localParts)
        {
            using RawClient client = await RawClient.ConnectAsync(relay.Listener);
            await client.HelloAsync();
            await client.SendAsync(Encoding.Latin1.GetBytes($"MAIL FROM:<{localPart}@from.test>\r\n"));
            string sender = await client.ReplyAsync();
            Assert.Matches("^[25][0-9][0-9] ", sender);
            if (sender[0] == '5')
            {
                continue;
            }

            string recipient = await client.CommandAsync($"RCPT TO:<{localPart}@to.test>");
            Assert.StartsWith("250 ", recipient, StringComparison.Ordinal);
            Assert.StartsWith("354 ", await client.CommandAsync("DATA"), StringComparison.Ordinal);
            Assert.StartsWith("250 ", await client.CommandAsync("Subject: names\r\n\r\n."), StringComparison.Ordinal);
            taken++;
            await server.MessageAsync(m => m.ForwardPaths.SequenceEqual([localPart + "@to.test"]) && m.ReversePath == localPart + "@from.test", localPart);
        }

        Assert.True(taken >= 12, $"only {taken} were taken");
        Assert.False(File.Exists(mark));
        Assert.Empty((await File.ReadAllTextAsync($"/proc/{relay.Id}/task/{relay.Id}/children", TestContext.Current.CancellationToken)).Trim());
        Assert.Equal(0, await relay.StopAsync());
        Assert.Equal(["deliveries.jsonl", "relay.toml", "spool"], Directory.EnumerateFileSystemEntries(relay.Folder).Select(Path.GetFileName).Where(static name => name is not "state" and not "admin.token").Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Nmaps_scripts_find_no_open_relay_and_no_users()
    {
        string nmap = Tool.Find("nmap", "nmap");
        await using ScriptedServer server = ScriptedServer.Start();
        await using RelayProcess relay = await RelayProcess.StartAsync(
            RelaySettings.SmartHost(server.Address, server.Port) with { Access = StrangersMayWriteToUs, Limits = Patient, Listeners = ["starttls"], Tables = EveryListener });

        foreach (IPEndPoint listener in relay.Listeners.Where(static l => l.Address.Equals(IPAddress.Loopback)).Take(2))
        {
            await using ToolProcess scan = await ToolProcess.RunAsync(nmap,
            [
                "-Pn", "-n", "-p", $"{listener.Port}", "--script", "+smtp-open-relay,+smtp-commands,+smtp-enum-users", "--script-args", "smtp-open-relay.domain=from.test,smtp-open-relay.to=user@to.test,smtp-enum-users.domain=to.test", $"{listener.Address}",
            ]);

            Assert.True(scan.ExitCode == 0, scan.Transcript);
            Assert.Contains(scan.Output, static line => line.Contains("Server doesn't seem to be an open relay, all tests failed", StringComparison.Ordinal) || line.Contains("isn't an open relay, authentication needed", StringComparison.Ordinal));
            Assert.Contains(scan.Output, static line => line.Contains("smtp-commands", StringComparison.Ordinal) && line.Contains("STARTTLS", StringComparison.Ordinal));
            Assert.DoesNotContain(scan.Output, static line => line.Contains("root", StringComparison.Ordinal));
            Figure.Report("I1: " + string.Join(" | ", scan.Output.Where(static line => line.StartsWith('|')).Select(static line => line.Trim('|', '_', ' '))));
        }

        Assert.Equal(0, await relay.StopAsync());
        Assert.Empty(server.Messages);
    }

    /// <summary>Tries each trick as a whole transaction, with content where the recipient is taken; gives how many there were.</summary>
    private static async Task<int> TryAllAsync(IPEndPoint listener, bool tls, bool isImplicit, string hello)
    {
        (string From, string To)[] tricks = [.. ForwardPaths.Select(static to => (ReversePaths[0], to)), .. ReversePaths.Skip(1).Select(static from => (from, ForwardPaths[0]))];
        foreach ((string From, string To)[] some in tricks.Chunk(25))
        {
            using RawClient client = await RawClient.ConnectAsync(listener, implicitTls: isImplicit);
            if (tls && !isImplicit)
            {
                await client.HelloAsync();
                await client.StartTlsAsync();
            }

            Assert.StartsWith("250", await client.CommandAsync(hello), StringComparison.Ordinal);
            foreach ((string from, string to) in some)
            {
                await client.CommandAsync("MAIL FROM:" + from);
                await client.CommandAsync("RCPT TO:" + to);
                string data = await client.CommandAsync("DATA");
                string end = await client.CommandAsync(data.StartsWith("354", StringComparison.Ordinal) ? "Subject: trick\r\n\r\n." : "RSET");
                Assert.StartsWith("250 ", end, StringComparison.Ordinal);
            }
        }

        return tricks.Length;
    }
}
