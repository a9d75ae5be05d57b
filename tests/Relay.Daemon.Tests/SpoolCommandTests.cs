using Relay.Daemon.Tests.Hosting;

namespace Relay.Daemon.Tests;

public sealed class SpoolCommandTests
{
    private const string Config = """
        hostname = "relay.test"
        [spool]
        segment_size = "1MiB"
        [[listener]]
        address = "127.0.0.1:0"
        tls = "none"
        [[route]]
        domain = "*"
        next_hop = "smtp://127.0.0.1:1"
        [admin]
        address = "127.0.0.1:0"
        """;

    [Fact]
    public async Task Mail_that_waits_is_listed_exported_and_verified()
    {
        await using RelayProcess relay = await RelayProcess.ServeAsync(Config);
        string id = await SendAsync(relay);
        Assert.StartsWith($"{id} ", Assert.Single(await RunAsync(0, "spool", "list", "--config", relay.ConfigFile)), StringComparison.Ordinal);
        string[] exported = await RunAsync(0, "spool", "export", id, "--config", relay.ConfigFile);
        Assert.Equal($"X-Relay-Id: {id}", exported[0]);
        Assert.Contains("X-Relay-From: <a@source.test>", exported);
        Assert.Equal("as it came", exported[^1]);
        Assert.Equal([$"relay: spool {relay.Folder}/spool is in use: stop the relay first"], await RunAsync(2, "spool", "verify", "--config", relay.ConfigFile));

        relay.Signal(RelayProcess.Terminate);
        Assert.Equal(0, await relay.ExitAsync());
        string spool = Path.Combine(relay.Folder, "spool");
        Assert.EndsWith(" records, 1 messages live, 0 problems", Assert.Single(await RunAsync(0, "spool", "verify", "--config", relay.ConfigFile)), StringComparison.Ordinal);
        string file = Path.Combine(relay.Folder, "kept.eml");
        Assert.Empty(await RunAsync(0, "spool", "export", id.ToLowerInvariant(), "--path", spool, "--output", file));
        Assert.Equal(exported, await File.ReadAllLinesAsync(file, TestContext.Current.CancellationToken));

        // One octet of the message.
        string segment = Directory.GetFiles(spool, "*.seg").Single(f => File.ReadAllText(f).Contains("as it came", StringComparison.Ordinal));
        byte[] bytes = await File.ReadAllBytesAsync(segment, TestContext.Current.CancellationToken);
        bytes[bytes.AsSpan().IndexOf("as it came"u8)] ^= 1;
        await File.WriteAllBytesAsync(segment, bytes, TestContext.Current.CancellationToken);
        string[] problems = await RunAsync(1, "spool", "verify", spool);
        Assert.Contains(problems, p => p.StartsWith($"{segment}: at ", StringComparison.Ordinal));
        Assert.EndsWith(" problems", problems[^1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_not_there_is_said_in_one_line()
    {
        await using var relay = new RelayProcess();
        Assert.Equal([$"relay: {relay.Folder} is no spool: there are no segments in it"], await RunAsync(2, "spool", "verify", relay.Folder));
        Assert.Equal(
            ["relay: \"bogus\" is not a message's id: it has 13 letters and digits, as in the 250 to the client"], await RunAsync(1, "spool", "export", "bogus", "--path", relay.Folder));
    }

    /// <summary>What the command said, on standard output, or on standard error when there is nothing on that.</summary>
    private static async Task<string[]> RunAsync(int status, params string[] arguments)
    {
        await using var command = new RelayProcess();
        int ended = await command.RunAsync(arguments);
        Assert.True(status == ended, string.Join('\n', [$"exit status {ended}", .. command.Output, .. command.Errors]));
        return [.. command.Output.Count > 0 ? command.Output : command.Errors];
    }

    private static async Task<string> SendAsync(RelayProcess relay)
    {
        using SmtpTalk talk = await SmtpTalk.ConnectAsync(relay.Bound("relay")[0]);
        await talk.WriteAsync("HELO client.test\r\nMAIL FROM:<a@source.test>\r\nRCPT TO:<u@dest.test>\r\nDATA\r\n");
        while (await talk.ReadLineAsync() is { } line && !line.StartsWith("354", StringComparison.Ordinal))
        {
            Assert.StartsWith("2", line, StringComparison.Ordinal);
        }

        await talk.WriteAsync("Subject: kept\r\n\r\nas it came\r\n.\r\n");
        return (await talk.ReadLineAsync())!.Split(' ')[^1];
    }
}
