using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Relay.EndToEnd.Tests.Harness;

namespace Relay.EndToEnd.Tests;

/// <summary>Milters that others wrote: Rspamd, OpenDKIM, libmilter by way of pymilter; and Postfix as the measure of what they hear.</summary>
public sealed partial class MilterTests : IDisposable
{
    private const string Gtube = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X";

    private readonly DkimOracle _oracle = new();

    public void Dispose() => _oracle.Dispose();

    [Fact]
    public async Task Rspamd_refuses_spam_at_the_end_of_the_data_and_marks_other_mail()
    {
        await using ScriptedServer server = ScriptedServer.Start();
        await using MilterProgram rspamd = await MilterProgram.RspamdAsync();
        await using RelayProcess relay = await RelayProcess.StartAsync(RelaySettings.SmartHost(server.Address, server.Port) with { Tables = rspamd.Table });
        using RawClient client = await RawClient.ConnectAsync(relay.Listener);
        await client.HelloAsync();

        string spam = await client.SendMessageAsync("a@from.test", "spam@to.test", Bytes($"From: a@from.test\r\nSubject: x\r\n\r\n{Gtube}\r\n"));
        string marked = await client.SendMessageAsync("a@from.test", "marked@to.test", Bytes("From: a@from.test\r\nSubject: marked\r\n\r\nx\r\n"));
        string clean = await client.SendMessageAsync("a@from.test", "clean@to.test", Bytes("From: a@from.test\r\nSubject: x\r\n\r\nx\r\n"));

        Assert.Matches("^55[04] 5\\.7\\.1 .*Gtube", spam);
        Assert.StartsWith("250 ", marked, StringComparison.Ordinal);
        Assert.StartsWith("250 ", clean, StringComparison.Ordinal);
        ArrivedMessage first = await server.MessageAsync(static m => m.ForwardPaths.Contains("marked@to.test"), "what was marked");
        ArrivedMessage second = await server.MessageAsync(static m => m.ForwardPaths.Contains("clean@to.test"), "what is clean");
        Assert.Equal("Yes", first.Header("X-Spam"));
        Assert.Equal("by rspamd, from 127.0.0.1", first.Header("X-Seen"));
        Assert.Null(second.Header("X-Spam"));
        Assert.Equal("by rspamd, from 127.0.0.1", second.Header("X-Seen"));
        Assert.Equal(2, server.Count);
    }

    [Fact]
    public async Task OpenDKIM_signs_what_comes_from_here_and_says_of_other_mail_whether_its_signature_is_right()
    {
        await using ScriptedServer server = ScriptedServer.Start();
        await _oracle.KeyAsync("from.test", "s1", "--bits", "2048", "--type", "rsa");
        await using MilterProgram dkim = await MilterProgram.OpenDkimAsync("from.test", "s1", _oracle.KeyFile("s1"), _oracle.Record("from.test", "s1"));
        await using RelayProcess relay = await RelayProcess.StartAsync(RelaySettings.SmartHost(server.Address, server.Port) with { Tables = dkim.Table });
        using RawClient here = await RawClient.ConnectAsync(relay.Listener);
        await here.HelloAsync();
        string text = string.Concat(Enumerable.Repeat("a line  of text\t \r\n.\r\n\r\n", 20_000));

        Assert.StartsWith("250 ", await here.SendMessageAsync("a@from.test", "signed@to.test", Bytes("From: a@from.test\r\nSubject: folded\r\n\t over lines\r\n\r\n" + text)), StringComparison.Ordinal);
        ArrivedMessage signed = await server.MessageAsync(static m => m.ForwardPaths.Contains("signed@to.test"), "what was signed");
        Assert.Equal(1, _oracle.VerifyWithMimeKit(signed.Content));

        using RawClient elsewhere = await RawClient.ConnectAsync(relay.Listener, "127.0.0.8");
        await elsewhere.HelloAsync();
        Assert.StartsWith("250 ", await elsewhere.SendMessageAsync("a@from.test", "good@to.test", signed.Content), StringComparison.Ordinal);
        byte[] changed = Bytes(signed.Text.Replace("a line  of text", "another line", StringComparison.Ordinal));
        Assert.StartsWith("250 ", await elsewhere.SendMessageAsync("a@from.test", "bad@to.test", changed), StringComparison.Ordinal);
        ArrivedMessage good = await server.MessageAsync(static m => m.ForwardPaths.Contains("good@to.test"), "the good one");
        ArrivedMessage bad = await server.MessageAsync(static m => m.ForwardPaths.Contains("bad@to.test"), "the bad one");
        Assert.Matches("Authentication-Results: relay\\.test;\\s+dkim=pass", good.Text);
        Assert.Matches("Authentication-Results: relay\\.test;\\s+dkim=fail", bad.Text);
    }

    [Fact]
    public async Task Whatever_libmilter_can_change_is_changed_and_then_signed()
    {
        await using ScriptedServer server = ScriptedServer.Start();
        await using MilterProgram changer = await MilterProgram.ChangerAsync();
        await using RelayProcess relay = await RelayProcess.StartAsync(
            RelaySettings.SmartHost(server.Address, server.Port) with { Tables = changer.Table + await _oracle.KeyAsync("from.test", "s1") });
        using RawClient client = await RawClient.ConnectAsync(relay.Listener);
        await client.HelloAsync();
        Assert.StartsWith("250", await client.CommandAsync("MAIL FROM:<a@from.test>"), StringComparison.Ordinal);
        Assert.Equal("550-5.1.1 not here\n550 5.1.1 nor there", (await client.CommandAsync("RCPT TO:<refused@to.test>")).Replace("\r\n", "\n", StringComparison.Ordinal).TrimEnd('\n'));
        Assert.StartsWith("250", await client.CommandAsync("RCPT TO:<gone@to.test>"), StringComparison.Ordinal);
        Assert.StartsWith("250", await client.CommandAsync("RCPT TO:<stays@to.test>"), StringComparison.Ordinal);
        Assert.StartsWith("354", await client.CommandAsync("DATA"), StringComparison.Ordinal);
        Assert.StartsWith("250", await client.CommandAsync("From: a@from.test\r\nSubject: before\r\n\r\nx\r\n."), StringComparison.Ordinal);

        ArrivedMessage arrived = await server.MessageAsync(static _ => true, "the message");
        Assert.Equal("bounces@from.test", arrived.ReversePath);
        Assert.Equal(["added@to.test", "stays@to.test"], arrived.ForwardPaths.Order());
        Assert.Matches(@"\ADKIM-Signature: (?s:.)*\r\nX-Top: first\r\nReceived: from (?s:.)*\r\nFrom: a@from\.test\r\nSubject: changed\r\nX-Added: one\r\n\ttwo\r\n\r\na new body\r\n\.with a dot\r\n\z", arrived.Text);
        Assert.Equal(1, _oracle.VerifyWithMimeKit(arrived.Content));
    }

    [Fact]
    public async Task A_milter_hears_from_the_relay_what_it_hears_from_Postfix()
    {
        int port = FreePort.On("127.0.0.1");
        await using MilterProgram ours = await MilterProgram.RecorderAsync();
        await using MilterProgram theirs = await MilterProgram.RecorderAsync();
        await using PostfixInstance postfix = await PostfixInstance.StartAsync("127.0.0.1", port, $"smtpd_milters = inet:127.0.0.1:{theirs.Port}");
        await using RelayProcess relay = await RelayProcess.StartAsync(new RelaySettings { Tables = ours.Table, Access = "relay_from = []\nrelay_domains = [\"post.test\"]" });

        foreach (int to in (int[])[relay.Port, port])
        {
            using RawClient client = await RawClient.ConnectAsync(new System.Net.IPEndPoint(System.Net.IPAddress.Loopback, to));
            foreach (string command in (string[])[
                "EHLO client.test", "MAIL FROM:<a@from.test> SIZE=100", "RCPT TO:<b@post.test>", "RSET", "MAIL FROM:<> BODY=8BITMIME", "RCPT TO:<b@elsewhere.test>", "RCPT TO:<b@post.test>", "RCPT TO:<c@post.test>", "DATA",
                "Subject:  two  spaces\r\nX-Folded: a\r\n  b\r\n\tc\r\nX-Empty:\r\n\r\nbody\r\n.", "MAIL FROM:<c@from.test>", "EHLO again.test", "QUIT"])
            {
                await client.CommandAsync(command);
            }
        }

        await Eventually.True(() => ours.Output.Contains("Q") && theirs.Output.Contains("Q"), "both farewells");
        string relayHeard = string.Join('\n', Commands(ours));
        string postfixHeard = string.Join('\n', Commands(theirs));
        Figure.Report($"heard from Postfix:\n{string.Join('\n', theirs.Output)}\nheard from the relay:\n{string.Join('\n', ours.Output)}");
        Assert.Equal(postfixHeard, relayHeard);
        // Each value that both send is the same, but for names, ports and ids.
        foreach (string stage in (string[])["DC", "DM", "DR", "DE"])
        {
            Dictionary<string, string> mine = Macros(ours, stage);
            Dictionary<string, string> other = Macros(theirs, stage);
            foreach (string name in mine.Keys.Intersect(other.Keys).Except(["j", "v", "_", "i", "{daemon_name}", "{daemon_port}", "{client_port}", "{client_name}", "{mail_mailer}", "{rcpt_mailer}", "{rcpt_host}"]))
            {
                Assert.Equal((name, other[name]), (name, mine[name]));
            }
        }
    }

    [Fact]
    public async Task A_message_of_100_MiB_passes_a_milter_and_is_written_again_in_bounded_memory()
    {
        // As large as all the memory that there is for objects.
        int size = LongForm.Wanted ? 100 : 64;
        await using ScriptedServer server = ScriptedServer.Start();
        await using MilterProgram milter = await MilterProgram.RecorderAsync();
        await using RelayProcess relay = await RelayProcess.StartAsync(
            RelaySettings.SmartHost(server.Address, server.Port) with { Limits = "message_size = \"200MiB\"", Tables = milter.Table },
            new Dictionary<string, string> { ["DOTNET_GCHeapHardLimit"] = LongForm.Wanted ? "6000000" : "4000000" });
        using RawClient client = await RawClient.ConnectAsync(relay.Listener);
        await client.HelloAsync();
        await client.CommandAsync("MAIL FROM:<sender@from.test>");
        await client.CommandAsync("RCPT TO:<user@to.test>");
        await client.CommandAsync("DATA");
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        await client.SendAsync(Bytes("Subject: large\r\n\r\n"));
        byte[] lines = Bytes(string.Concat(Enumerable.Repeat("a line of a large message, which is long\r\n", 1600)));
        long sent = 0;
        while (sent < size * 1024L * 1024)
        {
            hash.AppendData(lines);
            await client.SendAsync(lines);
            sent += lines.Length;
        }

        Assert.StartsWith("250 2.0.0 queued as ", await client.CommandAsync("."), StringComparison.Ordinal);
        string digest = Convert.ToHexStringLower(hash.GetHashAndReset());
        Assert.Contains(string.Create(CultureInfo.InvariantCulture, $"B {sent} {digest}"), milter.Output);
        ArrivedMessage arrived = await server.MessageAsync(static _ => true, "the large message", TimeSpan.FromMinutes(3));
        long peak = relay.PeakMemory / 1024 / 1024;
        Figure.Report($"a message of {sent >> 20} MiB through a milter that adds a field, heap limit {(LongForm.Wanted ? 96 : 64)} MiB: VmHWM {peak} MiB");
        Assert.Equal("yes", arrived.Header("X-Recorded"));
        int body = arrived.Content.AsSpan().IndexOf("\r\n\r\n"u8) + 4;
        Assert.Equal(digest, Convert.ToHexStringLower(SHA256.HashData(arrived.Content.AsSpan(body))));
        Assert.True(peak < 300, $"the relay held {peak} MiB");
    }

    [Fact]
    public async Task When_the_milter_dies_mail_is_put_off_and_flows_again_when_it_is_back_or_flows_all_the_time_where_that_is_wanted()
    {
        await using ScriptedServer server = ScriptedServer.Start();
        await using MilterProgram milter = await MilterProgram.RecorderAsync();
        await using RelayProcess relay = await RelayProcess.StartAsync(RelaySettings.SmartHost(server.Address, server.Port) with { Tables = milter.Table });
        await using RelayProcess open = await RelayProcess.StartAsync(RelaySettings.SmartHost(server.Address, server.Port) with { Tables = milter.Table + "on_failure = \"accept\"\n" });
        using RawClient client = await RawClient.ConnectAsync(relay.Listener);
        using RawClient other = await RawClient.ConnectAsync(open.Listener);
        await client.HelloAsync();
        await other.HelloAsync();
        Assert.StartsWith("250 ", await SendAsync(client, "before"), StringComparison.Ordinal);
        Assert.StartsWith("250 ", await SendAsync(other, "open-before"), StringComparison.Ordinal);

        await milter.KillAsync();
        for (int i = 0; i < 20; i++)
        {
            Assert.StartsWith("451 4.7.1 ", await client.CommandAsync("MAIL FROM:<a@from.test>"), StringComparison.Ordinal);
            Assert.StartsWith("250 ", await SendAsync(other, $"open{i}"), StringComparison.Ordinal);
        }

        await milter.StartAsync();
        Assert.StartsWith("250 ", await SendAsync(client, "after"), StringComparison.Ordinal);
        Assert.StartsWith("250 ", await SendAsync(other, "open-after"), StringComparison.Ordinal);
        ArrivedMessage after = await server.MessageAsync(static m => m.ForwardPaths.Contains("after@to.test"), "what came after");
        ArrivedMessage between = await server.MessageAsync(static m => m.ForwardPaths.Contains("open19@to.test"), "what came in between");
        Assert.Equal("yes", after.Header("X-Recorded"));
        Assert.Null(between.Header("X-Recorded"));
        Assert.Single(relay.Errors, static e => e.Contains("failed at", StringComparison.Ordinal));
        Assert.Single(relay.Errors, static e => e.Contains("is back after 20 failures", StringComparison.Ordinal) || e.Contains("is back after 21 failures", StringComparison.Ordinal));
        using var http = new HttpClient();
        string metrics = await http.GetStringAsync(new Uri(relay.Admin, "metrics"), TestContext.Current.CancellationToken);
        Assert.Matches("relay_milter_failures[a-z_]*\\{[^}]*kind=\"Connect\"", metrics);
        Assert.Matches("relay_milter_answers[a-z_]*\\{[^}]*answer=\"Continue\"", metrics);
        Assert.Contains("relay_milter_message_seconds", metrics, StringComparison.Ordinal);
    }

    private static Task<string> SendAsync(RawClient client, string to) => client.SendMessageAsync("a@from.test", to + "@to.test", Bytes("Subject: x\r\n\r\nx\r\n"));

    /// <summary>
    /// What was heard, in order, but for macros, ports, and the header fields that Postfix adds. Without ABORT: Postfix says it at the end of every transaction, also of one that has ended for the milter; the relay where one is abandoned, with what comes next.
    /// </summary>
    private static IEnumerable<string> Commands(MilterProgram milter) =>
        milter.Output.Where(static line => line[0] is not ('D' or 'A') && !Added().IsMatch(line)).Select(static line => Connect().Replace(line, "C"));

    private static Dictionary<string, string> Macros(MilterProgram milter, string stage)
    {
        var macros = new Dictionary<string, string>();
        foreach (string line in milter.Output.Where(l => l.StartsWith(stage, StringComparison.Ordinal)))
        {
            string[] words = line[2..].Split('|');
            for (int i = 0; i + 1 < words.Length; i += 2)
            {
                macros[words[i]] = words[i + 1];
            }
        }

        return macros;
    }

    private static byte[] Bytes(string text) => Encoding.Latin1.GetBytes(text);

    [GeneratedRegex("^L(?:Message-Id|Date|From)\\|", RegexOptions.None, 1000)]
    private static partial Regex Added();

    [GeneratedRegex("^C.*$", RegexOptions.None, 1000)]
    private static partial Regex Connect();
}
