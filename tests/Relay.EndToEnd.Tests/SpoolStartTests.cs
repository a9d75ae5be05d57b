using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Relay.EndToEnd.Tests.Harness;

namespace Relay.EndToEnd.Tests;

/// <summary>What the relay makes of the folder that it finds at its start: damage (DUR10), or no folder at all (DUR12).</summary>
public sealed class SpoolStartTests
{
    private const int Small = 60;
    private const int Large = 6;

    [Fact]
    public async Task Damaged_files_are_set_aside_and_everything_else_is_delivered()
    {
        var ledger = new Ledger();
        int port = FreePort.On("127.0.0.2");
        await using RelayProcess relay = await RelayProcess.StartAsync(RelaySettings.SmartHost("127.0.0.2", port) with { Spool = "path = \"spool\"\nsegment_size = \"1MiB\"" });
        var small = new List<TestMessage>();
        var large = new List<(string File, TestMessage Message)>();
        using (RawClient client = await RawClient.ConnectAsync(relay.Listener))
        {
            await client.HelloAsync();
            var random = new Random(12);
            for (int i = 0; i < Small + Large; i++)
            {
                TestMessage message = TestMessage.Create(random, i < Small ? 5000 : 300_000);
                ledger.Sent(message);
                string reply = await client.SendMessageAsync("sender@from.test", "user@to.test", message.Content);
                Assert.StartsWith("250 ", reply, StringComparison.Ordinal);
                ledger.Acknowledge(message);
                if (i < Small)
                {
                    small.Add(message);
                }
                else
                {
                    large.Add((Path.Combine(relay.Folder, "spool", reply["250 2.0.0 queued as ".Length..] + ".msg"), message));
                }
            }
        }

        await relay.Kill9Async();
        string spool = Path.Combine(relay.Folder, "spool");
        HashSet<string> damaged = await DamageAsync(spool, small, large);
        AddStrangers(spool);

        await using var server = ScriptedServer.Start(new ServerScript(), "127.0.0.2", port);
        long start = Stopwatch.GetTimestamp();
        await relay.RestartAsync();
        TimeSpan ready = Stopwatch.GetElapsedTime(start);
        await Eventually.Value(
            () => small.Concat(large.Select(entry => entry.Message)).All(message => damaged.Contains(message.Id) || server.Messages.Any(arrived => Ledger.IdOf(arrived) == message.Id)) ? "all" : null,
            () => $"{Small + Large - damaged.Count} whole messages; {server.Count} have arrived");
        Assert.Equal(0, await relay.StopAsync());

        List<ArrivedMessage> mail = [.. server.Messages.Where(message => message.ReversePath.Length > 0)];
        string[] aside = Directory.GetFileSystemEntries(Path.Combine(spool, "corrupt"));
        LedgerSummary summary = ledger.Summarise(mail);
        Figure.Report(string.Create(CultureInfo.InvariantCulture,
            $"DUR10: {damaged.Count} messages damaged, 9 strange files added; ready after {ready.TotalMilliseconds:0} ms; {summary}; set aside: {aside.Length}"));
        Assert.Equal(0, summary.Altered);
        Assert.Equal(damaged.Count, summary.Lost);
        Assert.True(aside.Length >= damaged.Count, string.Join('\n', aside));
    }

    [Theory]
    [InlineData("a file", "not a folder")]
    [InlineData("read-only", "Read-only file system")]
    [InlineData("nowhere", "can't be")]
    public async Task A_folder_that_can_not_be_used_is_a_reason_not_to_start(string what, string reason)
    {
        using var folder = new TempFolder();
        await using MountNamespace space = await MountNamespace.CreateAsync();
        string spool = what == "nowhere" ? "/proc/relay/spool" : folder.File("spool");
        switch (what)
        {
            case "a file":
                folder.Write("spool", "");
                break;
            case "read-only":
                Directory.CreateDirectory(spool);
                await using (ToolProcess mount = await space.RunAsync(Tool.Find("mount", "mount"), "-t", "tmpfs", "-o", "ro", "tmpfs", spool))
                {
                    Assert.True(mount.ExitCode == 0, mount.Transcript);
                }

                break;
            default:
                break;
        }

        string config = folder.Write("relay.toml", new RelaySettings { Spool = $"path = \"{spool}\"" }.ToToml());
        await using ToolProcess relay = await space.RunAsync(RelayProcess.Program[0], [.. RelayProcess.Program[1..], "serve", "--config", config]);

        Assert.NotEqual(0, relay.ExitCode);
        Assert.DoesNotContain(relay.Output, line => line.StartsWith("ready ", StringComparison.Ordinal));
        Assert.Contains(relay.Errors, line => line.Contains(spool, StringComparison.Ordinal) && line.Contains(reason, StringComparison.Ordinal));
        Assert.DoesNotContain("   at ", relay.Transcript, StringComparison.Ordinal);
    }

    /// <summary>One of each kind; gives the messages that are hit.</summary>
    private static async Task<HashSet<string>> DamageAsync(string spool, List<TestMessage> small, List<(string File, TestMessage Message)> large)
    {
        // A flipped bit in the body of a message in the log, and in the envelope's record of another.
        foreach (string segment in Directory.GetFiles(spool, "*.seg"))
        {
            byte[] bytes = await File.ReadAllBytesAsync(segment, TestContext.Current.CancellationToken);
            int body = bytes.AsSpan().IndexOf(Encoding.ASCII.GetBytes(small[20].Id));
            int envelope = bytes.AsSpan().IndexOf(Encoding.ASCII.GetBytes(small[40].Id));
            if (body > 0)
            {
                bytes[body + 1000] ^= 1;
            }

            if (envelope > 0)
            {
                int at = bytes.AsSpan(0, envelope).LastIndexOf("user@to.test"u8);
                bytes[bytes.AsSpan(0, at).LastIndexOf("sender@from.test"u8)] ^= 0x10;
            }

            await File.WriteAllBytesAsync(segment, bytes, TestContext.Current.CancellationToken);
        }

        await using (FileStream file = File.OpenWrite(large[0].File))
        {
            file.SetLength(100_000);
        }

        await using (FileStream file = File.OpenWrite(large[1].File))
        {
            file.SetLength(0);
        }

        // The length is right, the content isn't: a bit, and a tail of zeros.
        await using (var file = new FileStream(large[2].File, FileMode.Open))
        {
            file.Position = 200_000;
            file.WriteByte(1);
        }

        await using (var file = new FileStream(large[3].File, FileMode.Open))
        {
            file.Position = file.Length - 70_000;
            await file.WriteAsync(new byte[70_000], TestContext.Current.CancellationToken);
        }

        File.Delete(large[4].File);
        return [small[20].Id, small[40].Id, .. large.Take(5).Select(entry => entry.Message.Id)];
    }

    private static void AddStrangers(string spool)
    {
        byte[] garbage = new byte[1 << 20];
        new Random(13).NextBytes(garbage);
        File.WriteAllBytes(Path.Combine(spool, "00000090.seg"), garbage);
        File.WriteAllBytes(Path.Combine(spool, "00000091.seg"), []);
        Assert.Equal(0, Run("mkfifo", Path.Combine(spool, "00000092.seg")));
        File.CreateSymbolicLink(Path.Combine(spool, "00000093.seg"), "/etc/passwd");
        Directory.CreateDirectory(Path.Combine(spool, "00000094.seg"));
        using (var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            socket.Bind(new UnixDomainSocketEndPoint(Path.Combine(spool, "00000095.seg")));
        }

        File.WriteAllText(Path.Combine(spool, "a\nb.msg"), "no message");
        Assert.Equal(0, Run("mkfifo", Path.Combine(spool, "1M8828YZZZZZZ.msg")));
        File.WriteAllText(Path.Combine(spool, "future"), "");
        File.SetLastWriteTimeUtc(Path.Combine(spool, "future"), new DateTime(2099, 1, 1, 0, 0, 0, DateTimeKind.Utc));

        static int Run(string tool, string argument)
        {
            using var process = Process.Start(Tool.Find(tool, "coreutils"), [argument]);
            process.WaitForExit();
            return process.ExitCode;
        }
    }
}
