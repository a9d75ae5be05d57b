using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Relay.EndToEnd.Tests.Harness;

namespace Relay.EndToEnd.Tests;

/// <summary>The network's trouble, through the shipped relay: name servers that are ill, servers that fall silent, connections that are cut.</summary>
public sealed class NetworkTroubleTests
{
    private const string Seconds = "\"1s\"";

    public static TheoryData<string> Illnesses => LongForm.Wanted
        ? [.. Enum.GetNames<StubDns.Illness>().Where(static i => i != nameof(StubDns.Illness.None))]
        : [nameof(StubDns.Illness.ServFail), nameof(StubDns.Illness.Silent), nameof(StubDns.Illness.Truncated)];

    [Theory]
    [MemberData(nameof(Illnesses))]
    public async Task NET1_mail_waits_while_the_name_server_is_ill_and_goes_when_it_is_well(string illness)
    {
        int messages = LongForm.Scale(20);
        await using ScriptedServer server = ScriptedServer.Start(address: "127.0.0.2", port: FreePort.On("127.0.0.2"));
        await using var dns = new StubDns(static name => name.EndsWith(".to.test", StringComparison.Ordinal) && !name.StartsWith("mx.", StringComparison.Ordinal) ? "mx.to.test" : null, static name => name == "mx.to.test" ? "127.0.0.2" : null) { Ill = Enum.Parse<StubDns.Illness>(illness) };
        await using RelayProcess relay = await RelayProcess.StartAsync(new RelaySettings { Dns = $"servers = [\"{dns.EndPoint}\"]", Delivery = $"port = {server.Port}" });
        using RawClient client = await RawClient.ConnectAsync(relay.Listener);
        await client.HelloAsync();
        var random = new Random(41);
        long slowest = 0;
        for (int i = 0; i < messages; i++)
        {
            long start = Stopwatch.GetTimestamp();
            Assert.StartsWith("250 ", await client.SendMessageAsync("sender@from.test", $"user@d{i}.to.test", TestMessage.Create(random, 500).Content), StringComparison.Ordinal);
            slowest = Math.Max(slowest, Stopwatch.GetTimestamp() - start);
        }

        await Eventually.True(() => Distinct(relay, "deferred") == messages, "all of it put off");
        dns.Ill = StubDns.Illness.None;
        long well = Stopwatch.GetTimestamp();
        await Eventually.True(() => Distinct(relay, "delivered") == messages, "all of it delivered");
        Figure.Report(string.Create(CultureInfo.InvariantCulture,
            $"NET1, {illness}: {messages} messages put off, 0 failed for good; accepting took {slowest * 1000.0 / Stopwatch.Frequency:0} ms at most; all delivered {Stopwatch.GetElapsedTime(well).TotalSeconds:0.0} s after its recovery"));
        Assert.DoesNotContain(relay.Deliveries.Read(), static r => r.Event is "bounced" or "expired");
    }

    [Theory]
    [InlineData("none")]
    [InlineData("required")]
    public async Task NET2_a_server_that_falls_silent_holds_a_message_no_longer_than_its_phase_may_take(string tls)
    {
        // In clear, or in TLS and on the way there.
        (DeadServer.Death Death, string Says)[] silences = tls == "none"
            ?
            [
                (DeadServer.Death.NeverGreets, "the greeting"), (DeadServer.Death.SilentAfterEhlo, "the reply to EHLO"), (DeadServer.Death.SilentAfterMail, "the reply to MAIL"),
                (DeadServer.Death.SilentAfterRcpt, "the reply to RCPT"), (DeadServer.Death.SilentAfterData, "the reply to DATA"), (DeadServer.Death.TakesNoBody, "to take what was sent"),
                (DeadServer.Death.SilentAfterBody, "the reply to the end of the message"),
            ]
            : [(DeadServer.Death.SilentAfterStartTls, "the reply to STARTTLS"), (DeadServer.Death.SilentInHandshake, "TLS handshake")];
        string[] addresses = [.. silences.Select(static (_, i) => $"127.0.2.{i + 1}")];
        int port = FreePort.On(addresses);
        DeadServer[] servers = [.. silences.Select((s, i) => DeadServer.Start(addresses[i], port, s.Death))];
        try
        {
            await using var dns = new StubDns(static name => name.StartsWith('d') ? "mx." + name : null, static name => name.StartsWith("mx.d", StringComparison.Ordinal) ? $"127.0.2.{int.Parse(name[4..^5], CultureInfo.InvariantCulture) + 1}" : null);
            await using RelayProcess relay = await RelayProcess.StartAsync(new RelaySettings
            {
                Dns = $"servers = [\"{dns.EndPoint}\"]",
                Retry = "1h",
                DeliveryTls = tls,
                Delivery = $"port = {port}\n[delivery.timeouts]\nconnect = {Seconds}\ntls = {Seconds}\ngreeting = {Seconds}\ncommand = {Seconds}\ndata = {Seconds}\nbody = {Seconds}\nend_of_data = {Seconds}",
            });
            using RawClient client = await RawClient.ConnectAsync(relay.Listener);
            await client.HelloAsync();
            for (int i = 0; i < silences.Length; i++)
            {
                // Larger than all buffers on the way, so that a closed window is felt.
                int length = silences[i].Death == DeadServer.Death.TakesNoBody ? 12_000_000 : 2000;
                await client.SendMessageAsync("sender@from.test", $"user@d{i}.test", TestMessage.Create(new Random(i), length).Content);
            }

            foreach (((DeadServer.Death death, string says), int i) in silences.Select(static (s, i) => (s, i)))
            {
                DeliveryRecord deferred = await relay.Deliveries.FindAsync(r => r.Event == "deferred" && r.To == $"user@d{i}.test", $"{death} put off");
                Assert.True(deferred.Line.Contains(says, StringComparison.Ordinal), $"{death}: {deferred.Line}");
                Assert.Contains("timed out", deferred.Line, StringComparison.Ordinal);
                Figure.Report($"NET2, {death}: put off {deferred.Json.GetProperty("delay_ms")} ms after the message came");
            }

            using var metrics = new Metrics(relay);
            await Eventually.True(() => metrics.Value("relay_outbound_open") == 0, "no connection is left");
        }
        finally
        {
            foreach (DeadServer server in servers)
            {
                await server.DisposeAsync();
            }
        }
    }

    [Fact]
    public async Task NET3_a_connection_cut_between_a_message_and_its_reply_repeats_that_message_and_loses_none()
    {
        int messages = LongForm.Scale(300);
        var arrived = new ConcurrentQueue<string>();
        int drops = 0;
        int count = 0;
        await using ScriptedServer server = ScriptedServer.Start(new ServerScript
        {
            KeepRecords = false,
            Chunking = true,
            OnMessage = message =>
            {
                arrived.Enqueue(Ledger.IdOf(message));
                if (Interlocked.Increment(ref count) % 3 != 0)
                {
                    return null;
                }

                Interlocked.Increment(ref drops);
                throw new IOException("cut by the script");
            },
        });
        await using RelayProcess relay = await RelayProcess.StartAsync(RelaySettings.SmartHost(server.Address, server.Port));
        using RawClient client = await RawClient.ConnectAsync(relay.Listener);
        await client.HelloAsync();
        var random = new Random(43);
        var sent = new HashSet<string>(StringComparer.Ordinal);
        for (int i = 0; i < messages; i++)
        {
            TestMessage message = TestMessage.Create(random, 500);
            sent.Add(message.Id);
            Assert.StartsWith("250 ", await client.SendMessageAsync("sender@from.test", "user@to.test", message.Content), StringComparison.Ordinal);
        }

        await Eventually.True(() => Distinct(relay, "delivered") == messages, "all delivered", TimeSpan.FromMinutes(5));
        Assert.Equal(0, await relay.StopAsync());
        string[] ids = [.. arrived];
        int most = ids.GroupBy(static id => id).Max(static g => g.Count());
        Figure.Report($"NET3: {messages} messages, {drops} connections cut behind a message: arrived {ids.Length}, lost {sent.Except(ids).Count()}, copies too many {ids.Length - messages}, of one message at most {most}");
        Assert.Empty(sent.Except(ids));
        Assert.InRange(ids.Length - messages, 0, drops);
    }

    [Fact]
    public async Task NET4_when_the_cable_is_pulled_every_session_ends_in_its_time_and_nothing_is_lost_or_left()
    {
        int clients = LongForm.Scale(50);
        int messages = LongForm.Wanted ? 500 : 20;
        await using NetworkPair pair = await NetworkPair.CreateAsync();
        // A server that thinks about each DATA for a second.
        await using ToolProcess sink = ToolProcess.Start(
            pair.Far[0], [.. pair.Far[1..], Tool.Find("smtp-sink", "postfix"), "-u", "nobody", "-w", "1", "-m", "1000", $"{NetworkPair.FarAddress}:2525", "1000"]);
        RelaySettings settings = RelaySettings.SmartHost(NetworkPair.FarAddress, 2525) with
        {
            ListenAddress = NetworkPair.NearAddress,
            Access = $"relay_from = [\"{NetworkPair.NearAddress}/32\", \"{NetworkPair.FarAddress}/32\"]",
            Limits = "connections_per_address = 10000\ncommand_timeout = \"3s\"\ndata_timeout = \"3s\"",
            Delivery = $"[delivery.timeouts]\nconnect = {Seconds}\ndata = \"3s\"\nbody = \"3s\"\nend_of_data = \"3s\"\ncommand = \"3s\"",
        };
        await using RelayProcess relay = await RelayProcess.StartAsync(settings, null, pair.Near);
        int before = relay.OpenFiles;
        await using ToolProcess crowd = ToolProcess.Start(pair.Far[0], [.. pair.Far[1..], Tool.Find("python3", "python3"), "-c", Crowd, NetworkPair.NearAddress, $"{relay.Port}", $"{clients}"]);
        await crowd.LineAsync(static line => line == "all in DATA", "the clients");
        await pair.RunAsync(
            pair.Near, Tool.Find("smtp-source", "postfix"), "-4", "-d", "-s", "10", "-m", $"{messages}", "-l", "2000", "-f", "load@from.test", "-M", "client.test", "-N", "-t", "box@to.test", $"{NetworkPair.NearAddress}:{relay.Port}");
        int during = relay.OpenFiles;

        await pair.CableAsync(isIn: false);
        long pulled = Stopwatch.GetTimestamp();
        await relay.Deliveries.FindAsync(static r => r.Event == "deferred", "mail put off");
        await Eventually.Value(() => relay.OpenFiles <= before + 30 ? "gone" : null, () => $"the sessions end; {relay.OpenFiles} descriptors, {before} before");
        TimeSpan ended = Stopwatch.GetElapsedTime(pulled);
        int after = relay.OpenFiles;
        await pair.CableAsync(isIn: true);
        await Eventually.True(() => relay.Deliveries.Read().Where(static r => r.Event == "delivered").Select(static r => r.Id).Distinct().Count() == messages, "all delivered");

        Figure.Report(string.Create(CultureInfo.InvariantCulture, $"NET4: {clients} clients in DATA and mail on its way: descriptors {before} before, {during} with them, {after} at {ended.TotalSeconds:0.0} s after the cable was pulled; {messages} messages delivered when it was back"));
        Assert.DoesNotContain(relay.Deliveries.Read(), static r => r.Event is "bounced" or "expired");
        Assert.Equal(messages, relay.Deliveries.Read().Count(static r => r.Event == "received"));
        Assert.Empty(Directory.GetFiles(Path.Combine(relay.Folder, "spool"), "*.msg"));
    }

    /// <summary>Opens sessions up to the middle of a message, says so, and leaves them.</summary>
    private const string Crowd = """
        import socket, sys, time
        crowd = []
        for i in range(int(sys.argv[3])):
            s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
            f = s.makefile("rb")
            f.readline()
            s.sendall(b"HELO crowd.test\r\n"); f.readline()
            s.sendall(b"MAIL FROM:<c@from.test>\r\n"); f.readline()
            s.sendall(b"RCPT TO:<d@to.test>\r\n"); f.readline()
            s.sendall(b"DATA\r\n"); f.readline()
            s.sendall(b"Subject: half\r\n\r\n" + 100000 * b"x\r\n")
            crowd.append((s, f))
        print("all in DATA", flush=True)
        time.sleep(600)
        """;

    private static int Distinct(RelayProcess relay, string happened) => relay.Deliveries.Read().Where(r => r.Event == happened).Select(static r => r.Id).Distinct(StringComparer.Ordinal).Count();
}
