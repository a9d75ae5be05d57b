using System.Globalization;
using System.Text;
using Relay.EndToEnd.Tests.Harness;

namespace Relay.EndToEnd.Tests;

/// <summary>Signatures of the whole relay (RFC 6376, RFC 8463), on the wire of the next hop, verified by OpenDKIM and MimeKit.</summary>
public sealed class DkimTests : IDisposable
{
    private static readonly string[] Atoms = ["\r\n", "\r\n\r\n", " ", "  ", "\t", " \r\n", ".", "..", "\r\n.", "word", "words and words", "=20", "<p>", "\xe4\xf6", "--\r\n", new string('w', 900) + "\r\n"];

    private readonly DkimOracle _oracle = new();

    public void Dispose() => _oracle.Dispose();

    [Theory]
    [InlineData("relaxed", "relaxed")]
    [InlineData("simple", "simple")]
    public async Task M8_what_arrives_is_verified_by_OpenDKIM_and_MimeKit(string header, string body)
    {
        await using ScriptedServer server = ScriptedServer.Start(new ServerScript { Chunking = body == "simple" });
        string form = $"\nheader = \"{header}\"\nbody = \"{body}\"\n";
        string keys = await _oracle.KeyAsync("from.test", "rsa") + form + await _oracle.KeyAsync("from.test", "ed", "--type", "ed25519") + form;
        await using RelayProcess relay = await RelayProcess.StartAsync(RelaySettings.SmartHost(server.Address, server.Port) with { Tables = keys });
        using RawClient client = await RawClient.ConnectAsync(relay.Listener);
        await client.HelloAsync();
        int messages = LongForm.Wanted ? 10_000 : 200;
        var random = new Random(6376);

        for (int i = 0; i < messages; i++)
        {
            await client.SendMessageAsync("sender@from.test", "user@to.test", Torture(random, i, header == "simple"));
        }

        await Eventually.True(() => server.Count == messages, "all have arrived");
        byte[][] arrived = [.. server.Messages.Select(static m => m.Content)];
        Assert.All(arrived, m => Assert.Equal(2, _oracle.VerifyWithMimeKit(m)));
        await _oracle.VerifyWithOpenDkimAsync(arrived);
        Figure.Report(string.Create(CultureInfo.InvariantCulture, $"M8, {header}/{body}: {messages} messages, every signature verified by MimeKit (RSA and Ed25519) and OpenDKIM (RSA)"));
        Assert.Equal(0, await relay.StopAsync());
    }

    [Fact]
    public async Task Only_clients_that_may_relay_are_signed_for()
    {
        await using ScriptedServer server = ScriptedServer.Start();
        string key = await _oracle.KeyAsync("from.test", "rsa");
        await using RelayProcess relay = await RelayProcess.StartAsync(
            RelaySettings.SmartHost(server.Address, server.Port) with { Tables = key, Access = "relay_from = [\"127.0.0.7/32\"]\nrelay_domains = [\"to.test\"]" });
        using RawClient friend = await RawClient.ConnectAsync(relay.Listener, "127.0.0.7");
        using RawClient stranger = await RawClient.ConnectAsync(relay.Listener, "127.0.0.8");
        await friend.HelloAsync();
        await stranger.HelloAsync();

        await friend.SendMessageAsync("a@from.test", "friend@to.test", Bytes("From: boss@from.test\r\n\r\nx\r\n"));
        await stranger.SendMessageAsync("a@from.test", "stranger@to.test", Bytes("From: boss@from.test\r\n\r\nx\r\n"));

        Assert.Equal(1, _oracle.VerifyWithMimeKit((await server.MessageAsync(m => m.ForwardPaths.Contains("friend@to.test"), "the friend's")).Content));
        Assert.Equal(0, _oracle.VerifyWithMimeKit((await server.MessageAsync(m => m.ForwardPaths.Contains("stranger@to.test"), "the stranger's")).Content));
    }

    [Fact]
    public async Task Reports_of_the_relay_are_signed_too()
    {
        await using ScriptedServer server = ScriptedServer.Start(new ServerScript { OnRecipient = to => to.Contains("@to.test", StringComparison.Ordinal) ? "550 5.1.1 No such user" : null });
        string key = await _oracle.KeyAsync("relay.test", "reports");
        await using RelayProcess relay = await RelayProcess.StartAsync(RelaySettings.SmartHost(server.Address, server.Port) with { Tables = key });
        using RawClient client = await RawClient.ConnectAsync(relay.Listener);
        await client.HelloAsync();

        await client.SendMessageAsync("sender@from.test", "nobody@to.test", Bytes("From: a@from.test\r\nSubject: x\r\n\r\nx\r\n"));

        ArrivedMessage report = await server.MessageAsync(m => m.ReversePath.Length == 0, "the report");
        Assert.Equal(1, _oracle.VerifyWithMimeKit(report.Content));
        await _oracle.VerifyWithOpenDkimAsync([report.Content]);
    }

    [Fact]
    public async Task A_reload_takes_another_key_and_a_wrong_one_changes_nothing()
    {
        await using ScriptedServer server = ScriptedServer.Start();
        RelaySettings settings = RelaySettings.SmartHost(server.Address, server.Port) with { Tables = await _oracle.KeyAsync("from.test", "old") };
        await using RelayProcess relay = await RelayProcess.StartAsync(settings);
        Assert.Contains("s=old;", await SendAsync(relay, server, "first"), StringComparison.Ordinal);

        await File.WriteAllTextAsync(relay.ConfigFile, (settings with { Tables = await _oracle.KeyAsync("from.test", "new") }).ToToml(), TestContext.Current.CancellationToken);
        await HangUpAsync(relay, "configuration reloaded");
        Assert.Contains("s=new;", await SendAsync(relay, server, "second"), StringComparison.Ordinal);

        await File.WriteAllTextAsync(relay.ConfigFile, (settings with { Tables = settings.Tables.Replace("old.pem", "gone.pem", StringComparison.Ordinal) }).ToToml(), TestContext.Current.CancellationToken);
        await HangUpAsync(relay, "gone.pem");
        Assert.Contains("s=new;", await SendAsync(relay, server, "third"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_message_in_a_file_of_its_own_is_signed_and_survives_a_kill()
    {
        await using ScriptedServer server = ScriptedServer.Start(new ServerScript { OnRecipient = static _ => "450 4.2.1 later" });
        string key = await _oracle.KeyAsync("from.test", "rsa");
        await using RelayProcess relay = await RelayProcess.StartAsync(RelaySettings.SmartHost(server.Address, server.Port) with { Tables = key });
        using (RawClient client = await RawClient.ConnectAsync(relay.Listener))
        {
            await client.HelloAsync();
            await client.SendMessageAsync("sender@from.test", "user@to.test", Bytes("From: a@from.test\r\n\r\n" + string.Concat(Enumerable.Repeat("a line of a large message  \r\n", 40_000))));
        }

        await relay.Kill9Async();
        await using ScriptedServer later = ScriptedServer.Start();
        await File.WriteAllTextAsync(relay.ConfigFile, (RelaySettings.SmartHost(later.Address, later.Port) with { Tables = key }).ToToml(), TestContext.Current.CancellationToken);
        await relay.RestartAsync();

        ArrivedMessage arrived = await later.MessageAsync(static _ => true, "the large message");
        Assert.StartsWith("DKIM-Signature: v=1;", arrived.Text, StringComparison.Ordinal);
        Assert.Equal(1, _oracle.VerifyWithMimeKit(arrived.Content));
        await _oracle.VerifyWithOpenDkimAsync([arrived.Content]);
    }

    [Fact]
    public async Task Keygen_refuses_what_it_cannot_make_and_never_overwrites_a_key()
    {
        using var folder = new TempFolder();
        await using ToolProcess made = await RelayProcess.CommandAsync("dkim", "keygen", "b\u00fccher.example", "--selector", "s1", "--key", folder.File("key.pem"), "--bits", "2048");
        Assert.Equal(0, made.ExitCode);
        Assert.Contains(made.Output, static line => line.StartsWith("s1._domainkey.xn--bcher-kva.example. IN TXT ( \"v=DKIM1; k=rsa; p=", StringComparison.Ordinal));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, OperatingSystem.IsWindows() ? default : File.GetUnixFileMode(folder.File("key.pem")));
        string before = await File.ReadAllTextAsync(folder.File("key.pem"), TestContext.Current.CancellationToken);

        await using ToolProcess again = await RelayProcess.CommandAsync("dkim", "keygen", "example.net", "--selector", "s1", "--key", folder.File("key.pem"));
        Assert.Equal(2, again.ExitCode);
        Assert.Equal(before, await File.ReadAllTextAsync(folder.File("key.pem"), TestContext.Current.CancellationToken));

        foreach (string[] wrong in (string[][])[["example..net"], ["example.net", "--selector", "s 1"], ["example.net", "--bits", "512"], ["example.net", "--type", "dsa"]])
        {
            await using ToolProcess refused = await RelayProcess.CommandAsync(["dkim", "keygen", .. wrong]);
            Assert.Equal(1, refused.ExitCode);
            Assert.NotEmpty(refused.Errors);
        }
    }

    private static async Task<string> SendAsync(RelayProcess relay, ScriptedServer server, string name)
    {
        using RawClient client = await RawClient.ConnectAsync(relay.Listener);
        await client.HelloAsync();
        await client.SendMessageAsync("sender@from.test", name + "@to.test", Bytes("From: a@from.test\r\n\r\nx\r\n"));
        return (await server.MessageAsync(m => m.ForwardPaths.Contains(name + "@to.test"), name)).Text;
    }

    private static async Task HangUpAsync(RelayProcess relay, string says)
    {
        await using ToolProcess kill = await ToolProcess.RunAsync("/bin/kill", ["-HUP", relay.Id.ToString(CultureInfo.InvariantCulture)]);
        await Eventually.True(() => relay.Errors.Any(line => line.Contains(says, StringComparison.Ordinal)), $"the log says {says}");
    }

    /// <summary>
    /// Content of every kind that DATA can bring, now and then larger than what the log of the spool takes. With <paramref name="plainColons"/> one space follows each colon: OpenDKIM's test mode hands fields on as
    /// a milter gets them, without what stood there, and can't verify the simple form of others.
    /// </summary>
    private static byte[] Torture(Random random, int number, bool plainColons)
    {
        var text = new StringBuilder("From: \"A, B\" (comment)\r\n\t<a@from.test>\r\n");
        for (int field = random.Next(6); field > 0; field--)
        {
            text.Append(new[] { "Subject", "To", "DATE", "X-Other", "Content-Type", "Cc", "subject" }[random.Next(7)]).Append(plainColons ? ": " : new[] { ":", ": ", ":\t" }[random.Next(3)]);
            for (int word = random.Next(4); word > 0; word--)
            {
                text.Append("value").Append(new[] { " ", "  ", "\r\n ", "\r\n\t \t", "\t" }[random.Next(5)]);
            }

            text.Append("end\r\n");
        }

        text.Append("\r\n");
        for (int atom = number % 50 == 49 ? 6000 : random.Next(40); atom > 0; atom--)
        {
            text.Append(Atoms[random.Next(Atoms.Length)]);
        }

        // DATA has whole lines only.
        return Bytes(text.Append(random.Next(4) == 0 ? "" : "end").Append("\r\n").ToString());
    }

    private static byte[] Bytes(string text) => Encoding.Latin1.GetBytes(text);
}
