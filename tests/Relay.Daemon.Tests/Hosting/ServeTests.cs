using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace Relay.Daemon.Tests.Hosting;

public sealed class ServeTests
{
    private const string Plain = """
        hostname = "relay.test"
        [[listener]]
        address = "127.0.0.1:0"
        tls = "none"
        [admin]
        address = "127.0.0.1:0"

        """;

    [Theory]
    [InlineData(RelayProcess.Terminate)]
    [InlineData(RelayProcess.Interrupt)]
    public async Task The_ready_line_names_every_listener_by_role_and_is_all_there_is_until_a_signal_ends_it_with_0(int signal)
    {
        await using RelayProcess relay = await RelayProcess.ServeAsync("""
            listener = [
                { address = "127.0.0.1:0", role = "submission" },
                { address = "127.0.0.1:0" },
                { address = "127.0.0.2:0" },
            ]
            [admin]
            address = "127.0.0.1:0"
            """);
        relay.Signal(signal);
        Assert.Equal(0, await relay.ExitAsync());
        Assert.Matches(@"^ready relay=127\.0\.0\.1:[1-9]\d*,127\.0\.0\.2:[1-9]\d* submission=127\.0\.0\.1:[1-9]\d* admin=127\.0\.0\.1:[1-9]\d*$", Assert.Single(relay.Output));
    }

    [Fact]
    public async Task Systemd_is_told_when_it_is_ready_and_when_it_stops()
    {
        string path = Path.Combine(Path.GetTempPath(), $"relay-notify-{Guid.NewGuid():N}");
        using var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(path));
        try
        {
            await using RelayProcess relay = await RelayProcess.ServeAsync(Plain, environment: new Dictionary<string, string> { ["NOTIFY_SOCKET"] = path });
            Assert.Equal("READY=1", await ReceiveAsync(socket));
            relay.Signal(RelayProcess.Terminate);
            Assert.Equal("STOPPING=1", await ReceiveAsync(socket));
            Assert.Equal(0, await relay.ExitAsync());
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public async Task HTTP_is_spoken_on_the_admin_listener_only()
    {
        await using RelayProcess relay = await RelayProcess.ServeAsync(Plain);
        using var http = new HttpClient { BaseAddress = new Uri($"http://{relay.Bound("admin")[0]}/") };
        Assert.Equal("ok\n", await http.GetStringAsync(new Uri("healthz", UriKind.Relative)));
        Assert.Equal("ok\n", await http.GetStringAsync(new Uri("readyz", UriKind.Relative)));

        using SmtpTalk talk = await SmtpTalk.ConnectAsync(relay.Bound("relay")[0]);
        await talk.WriteAsync("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
        while (await talk.ReadLineAsync() is { } line)
        {
            Assert.Matches("^[2-5][0-9][0-9][ -]", line);
        }
    }

    [Fact]
    public async Task Every_metric_is_ours_or_the_runtimes()
    {
        await using RelayProcess relay = await RelayProcess.ServeAsync(Plain);
        using (SmtpTalk talk = await SmtpTalk.ConnectAsync(relay.Bound("relay")[0]))
        {
            await talk.WriteAsync("QUIT\r\n");
            while (await talk.ReadLineAsync() is not null)
            {
            }
        }

        using var http = new HttpClient { BaseAddress = new Uri($"http://{relay.Bound("admin")[0]}/") };
        string[] lines = [];
        await relay.UntilAsync(() =>
        {
            lines = [.. http.GetStringAsync(new Uri("metrics", UriKind.Relative)).GetAwaiter().GetResult().Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(static l => l[0] != '#')];
            return lines.Any(static l => l.StartsWith("relay_inbound_closed_total{", StringComparison.Ordinal));
        });
        Assert.All(lines, static l => Assert.Matches("^(relay|dotnet)_", l));
        Assert.Contains(lines, static l => l.StartsWith("dotnet_gc_pause_time_seconds_total{} ", StringComparison.Ordinal));
        Assert.Contains(lines, static l => l.StartsWith("relay_queue_recipients{} 0", StringComparison.Ordinal));
        Assert.Contains(lines, static l => l.StartsWith("relay_spool_healthy{} 1", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_wrong_file_on_reload_says_why_and_changes_nothing_and_a_right_one_applies()
    {
        await using RelayProcess relay = await RelayProcess.ServeAsync(Plain);
        await File.WriteAllTextAsync(relay.ConfigFile, Plain.Replace("relay.test", "other.test", StringComparison.Ordinal) + "[limits]\nerrors = 0\nrecipients = \"many\"\n");
        relay.Signal(RelayProcess.HangUp);
        await relay.UntilLoggedAsync($"reload refused, the old configuration goes on: {relay.ConfigFile}:9:14: ");
        Assert.Contains(relay.Errors, e => e.Contains($"reload refused, the old configuration goes on: {relay.ConfigFile}:8:10: ", StringComparison.Ordinal));
        Assert.StartsWith("220 relay.test ", await GreetingAsync(relay), StringComparison.Ordinal);

        await File.WriteAllTextAsync(relay.ConfigFile, Plain.Replace("relay.test", "other.test", StringComparison.Ordinal));
        relay.Signal(RelayProcess.HangUp);
        await relay.UntilLoggedAsync("configuration reloaded");
        Assert.StartsWith("220 other.test ", await GreetingAsync(relay), StringComparison.Ordinal);
        Assert.DoesNotContain(relay.Errors, static e => e.Contains("needs restart", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_users_file_that_is_wrong_at_a_reload_leaves_the_users_that_there_were()
    {
        const string Tls = """
            [[listener]]
            address = "127.0.0.1:0"
            tls = "starttls"
            [access]
            users = "users.toml"
            [admin]
            address = "127.0.0.1:0"
            """;
        await using var folder = new RelayProcess();
        string users = Path.Combine(folder.Folder, "users.toml");
        await File.WriteAllTextAsync(users, "");
        await using RelayProcess relay = await RelayProcess.ServeAsync(Tls.Replace("users.toml", users, StringComparison.Ordinal));
        Assert.Contains("538 5.7.11", await AuthAsync(relay), StringComparison.Ordinal);

        await File.WriteAllTextAsync(users, "[[user]]\nname = 1\n");
        relay.Signal(RelayProcess.HangUp);
        await relay.UntilLoggedAsync($"reload refused, the old configuration goes on: {users}:2:8: a name is a string");
        Assert.Contains("538 5.7.11", await AuthAsync(relay), StringComparison.Ordinal);

        await File.WriteAllTextAsync(relay.ConfigFile, Plain);
        relay.Signal(RelayProcess.HangUp);
        await relay.UntilLoggedAsync("configuration reloaded");
        Assert.Contains("502", await AuthAsync(relay), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_needs_a_restart_is_told_on_reload_while_the_rest_applies()
    {
        await using RelayProcess relay = await RelayProcess.ServeAsync(Plain);
        await File.WriteAllTextAsync(relay.ConfigFile, """
            hostname = "other.test"
            [[listener]]
            address = "127.0.0.2:0"
            [spool]
            path = "elsewhere"
            [admin]
            address = "127.0.0.2:0"
            [log]
            deliveries = "elsewhere.jsonl"
            """);
        relay.Signal(RelayProcess.HangUp);
        await relay.UntilLoggedAsync("configuration reloaded");
        foreach (string section in (string[])["[[listener]]", "[spool]", "[admin]"])
        {
            Assert.Contains(relay.Errors, e => e.EndsWith($"{section} has changed: needs restart", StringComparison.Ordinal));
        }

        Assert.StartsWith("220 other.test ", await GreetingAsync(relay), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_log_level_applies_on_reload()
    {
        await using RelayProcess relay = await RelayProcess.ServeAsync(Plain);
        await File.WriteAllTextAsync(relay.ConfigFile, Plain + "[log]\nlevel = \"debug\"");
        relay.Signal(RelayProcess.HangUp);
        await relay.UntilLoggedAsync("configuration reloaded");
        Assert.DoesNotContain(relay.Errors, static e => e.Contains(" dbug: ", StringComparison.Ordinal));
        await GreetingAsync(relay);
        await relay.UntilLoggedAsync(" dbug: ");
    }

    [Fact]
    public async Task Connections_are_limited_by_the_open_files_that_the_hard_limit_allows()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/prlimit"), "prlimit is not there");
        await using RelayProcess relay = await RelayProcess.ServeAsync(Plain, wrapper: ["/usr/bin/prlimit", "--nofile=800:1000"]);
        await relay.UntilLoggedAsync("connections limited to 488 (configured 20000, open files 1000)");
    }

    [Fact]
    public async Task Without_free_files_accepting_waits_instead_of_spinning_and_goes_on_when_there_are_some()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/prlimit"), "prlimit is not there");
        await using RelayProcess relay = await RelayProcess.ServeAsync(Plain);
        await GreetingAsync(relay);
        await LimitFilesAsync(relay, "1");
        using SmtpTalk waiting = await SmtpTalk.ConnectAsync(relay.Bound("relay")[0]);
        await relay.UntilLoggedAsync("clients wait because none can be accepted");
        // A process that has just begun compiles its code for a while; one that spins takes a processor in every second.
        TimeSpan took = TimeSpan.MaxValue;
        for (int second = 0; second < 10 && took > TimeSpan.FromSeconds(0.25); second++)
        {
            TimeSpan before = ProcessorTime(relay);
            await Task.Delay(TimeSpan.FromSeconds(1), TimeProvider.System);
            took = ProcessorTime(relay) - before;
        }

        Assert.InRange(took, TimeSpan.Zero, TimeSpan.FromSeconds(0.25));

        await LimitFilesAsync(relay, "5000");
        Assert.StartsWith("220 ", await waiting.ReadLineAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_standard_error_that_nobody_reads_stops_nothing()
    {
        await using RelayProcess relay = await RelayProcess.ServeAsync(Plain + "[access]\nrelay_from = []\n[limits]\nerrors = 100000\n", readErrors: false);
        using SmtpTalk talk = await SmtpTalk.ConnectAsync(relay.Bound("relay")[0]);
        await talk.WriteAsync("HELO client.test\r\nMAIL FROM:<>\r\n");
        await talk.ReadLineAsync();
        await talk.ReadLineAsync();
        await talk.ReadLineAsync();
        // A line of log each: more than the pipe and the log's queue hold.
        for (int i = 0; i < 6000; i++)
        {
            await talk.WriteAsync("RCPT TO:<user@nowhere.test>\r\n");
            Assert.StartsWith("550 ", await talk.ReadLineAsync(), StringComparison.Ordinal);
        }

        relay.Signal(RelayProcess.Terminate);
        Assert.Equal(0, await relay.ExitAsync());
    }

    /// <summary>What AUTH in clear is answered: whether there are users.</summary>
    private static async Task<string> AuthAsync(RelayProcess relay)
    {
        using SmtpTalk talk = await SmtpTalk.ConnectAsync(relay.Bound("relay")[0]);
        await talk.WriteAsync("HELO c.example\r\nAUTH PLAIN\r\n");
        await talk.ReadLineAsync();
        await talk.ReadLineAsync();
        return await talk.ReadLineAsync() ?? "(closed)";
    }

    private static async Task<string> GreetingAsync(RelayProcess relay)
    {
        using SmtpTalk talk = await SmtpTalk.ConnectAsync(relay.Bound("relay")[0]);
        return await talk.ReadLineAsync() ?? "";
    }

    private static async Task<string> ReceiveAsync(Socket socket)
    {
        byte[] buffer = new byte[100];
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        int length = await socket.ReceiveAsync(buffer, limit.Token);
        return Encoding.ASCII.GetString(buffer, 0, length);
    }

    private static async Task LimitFilesAsync(RelayProcess relay, string limit)
    {
        using var prlimit = System.Diagnostics.Process.Start("/usr/bin/prlimit", ["--pid", relay.Id.ToString(CultureInfo.InvariantCulture), $"--nofile={limit}:"]);
        await prlimit.WaitForExitAsync();
        Assert.Equal(0, prlimit.ExitCode);
    }

    private static TimeSpan ProcessorTime(RelayProcess relay)
    {
        using System.Diagnostics.Process process = System.Diagnostics.Process.GetProcessById(relay.Id);
        return process.TotalProcessorTime;
    }
}
