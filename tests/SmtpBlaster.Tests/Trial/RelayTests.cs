using System.Net;
using System.Net.Security;
using System.Text.Json;
using Relay.Protocol.Sasl;
using SmtpBlaster.Ledgers;
using SmtpBlaster.Messages;
using SmtpBlaster.Net;
using SmtpBlaster.Sink;
using SmtpBlaster.Source;
using SmtpBlaster.Tests.Harness;
using SmtpBlaster.Trial;

namespace SmtpBlaster.Tests.Trial;

public sealed class RelayTests : IDisposable
{
    private static readonly string RelayDll = Built.Relay;
    private static readonly string BlasterDll = Built.Blaster;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("blaster-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task Through_the_relay_nothing_is_lost_altered_or_doubled()
    {
        (string[] command, int port, int sinkPort) = Relay();
        var options = new TrialOptions(
            Blaster.Source(new IPEndPoint(IPAddress.Loopback, port), "list:1KiB*5,200KiB*1", "uniform:1,3", 5) with { Count = 300, Pipelining = true },
            Blaster.Sink() with { Listen = [new IPEndPoint(IPAddress.Loopback, sinkPort)] })
        {
            Relay = command, RelayLog = Path.Combine(_folder.FullName, "relay.log"), Linger = TimeSpan.FromMilliseconds(100),
        };
        TrialResult result = await new RelayTrial(options, null).RunAsync(TestContext.Current.CancellationToken);
        LedgerSummary ledger = result.Ledger;
        Assert.Equal((300, 0), (result.Source.Counters.Acknowledged, result.Source.Counters.Unanswered));
        Assert.Equal((ledger.Sent, ledger.Sent, 0, 0, 0, 0), (ledger.Acknowledged, ledger.Arrived, ledger.Lost, ledger.Duplicated, ledger.Altered, ledger.Ghosts));
        Assert.True(ledger.Sent > 300);
        Assert.Empty(result.Remarks);
        Assert.True(result.RelayCpu > 0);
    }

    [Theory]
    [InlineData("end share=10% lose", "lost")]
    [InlineData("end share=10% alter", "altered")]
    [InlineData("end share=10% twice", "duplicated")]
    public async Task What_a_relay_may_not_do_is_in_the_ledger(string rule, string what)
    {
        // The sink's rule stands for a relay that loses, alters or doubles: the ledger can't know where it happened.
        var sink = new SinkRun(Blaster.Sink(rule), null);
        var ledger = new Ledger();
        sink.Use(Blaster.Run, ledger);
        sink.Start();
        SourceResult sent = await new SourceRun(Blaster.Source(sink.Addresses[0]) with { Count = 500 }, ledger, null).RunAsync(TestContext.Current.CancellationToken);
        SinkResult taken = await sink.StopAsync();
        LedgerSummary summary = ledger.Summarize();
        Assert.Equal(500, sent.Counters.Acknowledged);
        Assert.InRange(what switch { "lost" => summary.Lost, "altered" => summary.Altered, _ => summary.Duplicated }, 20, 90);
        Assert.Equal(what == "duplicated", summary.IsClean);
        Assert.Equal(500, taken.Counters.Messages);
    }

    [Fact]
    public async Task One_message_less_one_twice_one_octet_changed_and_one_for_somebody_else_are_in_the_ledger()
    {
        var ledger = new Ledger { HasNumberedAddresses = true };
        var sink = new SinkRun(Blaster.Sink(), null);
        sink.Use(Blaster.Run, ledger);
        sink.Start();
        SourceOptions options = Blaster.Source(sink.Addresses[0]);
        await using RawClient relay = await RawClient.ConnectAsync(sink.Addresses[0]);
        await relay.ReplyAsync();
        ledger.Sent(0, 6);
        for (int number = 0; number < 6; number++)
        {
            ledger.Acknowledged(number);
        }

        // 0 as it is, 1 not, 2 twice, 3 with one octet changed in the middle of its body; 4 and 5 change places.
        foreach ((int number, int recipient) in new[] { (0, 0), (2, 2), (2, 2), (3, 3), (4, 5), (5, 4) })
        {
            var draft = new Draft();
            options.Content.Fill(draft, new MessageFacts(Blaster.Run, number, 1, 1), stuffed: true, Random.Shared);
            byte[] wire = [.. draft.Head, .. draft.Body.Span, .. draft.Tail.AsSpan(0, draft.TailLength)];
            wire[^2000] ^= (byte)(number == 3 ? 1 : 0);
            await relay.AskAsync("MAIL FROM:<a@b.test>");
            await relay.AskAsync($"RCPT TO:<u{recipient}@d1.test>");
            await relay.AskAsync("DATA");
            Assert.StartsWith("250 ", await relay.AskAsync(System.Text.Encoding.Latin1.GetString(wire) + "."), StringComparison.Ordinal);
        }

        await sink.StopAsync();
        LedgerSummary summary = ledger.Summarize();
        Assert.Equal((6, 6, 5, 1), (summary.Sent, summary.Acknowledged, summary.Arrived, summary.Lost));
        Assert.Equal((1, 1, 3, 0), (summary.Duplicated, summary.Copies, summary.Altered, summary.Ghosts));
        Assert.Equal([1L], summary.LostNumbers);
    }

    [Fact]
    public async Task A_recipient_that_was_refused_was_never_promised()
    {
        var sink = new SinkRun(Blaster.Sink("rcpt domain=d1.test reply=550 5.1.1 no"), null);
        var ledger = new Ledger();
        sink.Use(Blaster.Run, ledger);
        sink.Start();
        await new SourceRun(Blaster.Source(sink.Addresses[0], "4KiB", "4", 2), ledger, null).RunAsync(TestContext.Current.CancellationToken);
        await sink.StopAsync();
        LedgerSummary summary = ledger.Summarize();
        Assert.Equal((200, 100, 100, 0, 0), (summary.Sent, summary.Acknowledged, summary.Arrived, summary.Lost, summary.Ghosts));
    }

    [Fact]
    public async Task As_a_command_it_runs_the_relay_writes_its_reports_and_says_by_its_status_how_it_went()
    {
        (string[] command, int port, int sinkPort) = Relay();
        string json = Path.Combine(_folder.FullName, "run.json");
        string html = Path.Combine(_folder.FullName, "run.html");
        string[] arguments =
        [
            BlasterDll, "run", "--target", $"127.0.0.1:{port}", "--sink", $"127.0.0.1:{sinkPort}", "-n", "100", "--linger", "100ms", "--settle", "2s", "--relay-log", Path.Combine(_folder.FullName, "relay.log"),
            "--json", json, "--html", html,
        ];
        (int status, string output, string errors) = await Blaster.RunAsync("dotnet", [.. arguments, "--", .. command]);
        Assert.True(status == 0, errors);
        Assert.Contains("100 sent, 100 acknowledged, 100 arrived, 0 lost, 0 duplicated (0 copies), 0 altered, 0 ghosts", output, StringComparison.Ordinal);
        using (var report = JsonDocument.Parse(await File.ReadAllTextAsync(json, TestContext.Current.CancellationToken)))
        {
            Assert.True(report.RootElement.GetProperty("ledger").GetProperty("clean").GetBoolean());
            Assert.True(report.RootElement.GetProperty("cpu").GetProperty("cpu_of_the_relay_us").GetDouble() > 0);
        }

        Assert.Contains("Nothing lost, nothing altered", await File.ReadAllTextAsync(html, TestContext.Current.CancellationToken), StringComparison.Ordinal);

        // A relay that runs already; this one is the sink itself, and loses mail.
        (status, output, errors) = await Blaster.RunAsync("dotnet", BlasterDll, "run", "--target", $"127.0.0.1:{sinkPort}", "--sink", $"127.0.0.1:{sinkPort}", "-n", "100", "--settle", "500ms", "--rule", "end share=20% lose");
        Assert.Equal(1, status);
        Assert.Matches("[1-9][0-9]* lost", errors);
        Assert.Contains("ledger: 100 sent, 100 acknowledged", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Logs_in_at_the_relay_by_each_mechanism_and_not_with_a_wrong_password()
    {
        string users = Path.Combine(_folder.FullName, "users.toml");
        (int added, _, string addErrors) = await Blaster.RunAsync("sh", "-c", $"echo secret | dotnet {RelayDll} user add blaster --users {users} --sender '*@s1.test'");
        Assert.True(added == 0, addErrors);
        (string[] command, int port, int sinkPort) = Relay("""role = "submission" """, "starttls", $"users = \"{users}\"");
        var target = new IPEndPoint(IPAddress.Loopback, port);
        var sink = new SinkRun(Blaster.Sink() with { Listen = [new IPEndPoint(IPAddress.Loopback, sinkPort)] }, null);
        sink.Start();
        using var relay = RelayUnderTest.Start(command, Path.Combine(_folder.FullName, "relay.log"));
        Assert.Null(await relay.WaitAsync(target, TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken));
        SourceOptions options = Blaster.Source(target) with
        {
            Count = 10,
            Sessions = (2, 2),
            Tls = TlsMode.StartTls,
            TlsOptions = new SslClientAuthenticationOptions { TargetHost = "relay.test", RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate is not null },
            User = "blaster",
        };
        foreach (SaslMechanisms mechanism in new[] { SaslMechanisms.Plain, SaslMechanisms.Login, SaslMechanisms.ScramSha256 })
        {
            SourceResult result = await new SourceRun(options with { Mechanism = mechanism, Password = "secret" }, null, null).RunAsync(TestContext.Current.CancellationToken);
            Assert.True(result.Counters.Acknowledged == 10, $"{mechanism}: {string.Join(", ", result.Troubles.Keys)}");
        }

        SourceResult wrong = await new SourceRun(options with { Mechanism = SaslMechanisms.Plain, Password = "wrong", GiveUp = 1 }, null, null).RunAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, wrong.Counters.Acknowledged);
        Assert.Contains("AUTH was answered 535", wrong.GaveUp, StringComparison.Ordinal);
        Assert.Null(await relay.StopAsync());
        await sink.StopAsync();
    }

    private (string[] Command, int Port, int SinkPort) Relay(string listener = "", string tls = "none", string access = "")
    {
        Assert.SkipWhen(!File.Exists(RelayDll), $"{RelayDll} is not built");
        int port = Blaster.FreePort();
        int sinkPort = Blaster.FreePort();
        string config = Path.Combine(_folder.FullName, "relay.toml");
        File.WriteAllText(config, $$"""
            hostname = "relay.test"
            [[listener]]
            address = "127.0.0.1:{{port}}"
            tls = "{{tls}}"
            {{listener}}
            [access]
            {{access}}
            [dns]
            reverse = false
            servers = ["127.0.0.1:9"]
            [delivery]
            retry = ["1s"]
            tls = "none"
            [[route]]
            domain = "*"
            next_hop = "smtp://127.0.0.1:{{sinkPort}}"
            [admin]
            address = "127.0.0.1:0"
            """);
        return (["dotnet", RelayDll, "serve", "--config", config], port, sinkPort);
    }
}
