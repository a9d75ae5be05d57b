using System.Globalization;
using Relay.Flow.Accept;
using Relay.Tests.Support;

namespace Relay.Tests.Flow.Accept;

/// <summary>Clients that leave where nobody should, or whose names nobody knows: nothing of theirs stays behind, and nobody else notices.</summary>
public class AbruptEndTests
{
    /// <summary>A12: with room for two connections of an address, ten thousand come one after the other, because each gives its place back.</summary>
    [Fact]
    public async Task Clients_that_leave_as_soon_as_they_have_come_leave_nothing_behind()
    {
        await using EngineFixture relay = await StartAsync(static r => r.Options = r.Options with { Limits = new LimitOptions { ConnectionsPerAddress = 2, Connections = 2 } });
        for (int i = 0; i < 10_000; i++)
        {
            TestClient client = relay.Connect();
            await client.FinishAsync();
            await client.Session;
        }

        await relay.SendAsync("a@source.example", ["u@dest.example"]);
    }

    /// <summary>C14.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_client_that_leaves_behind_its_recipients_has_sent_nothing(bool reset)
    {
        await using EngineFixture relay = await StartAsync();
        await using TestClient client = relay.Connect();
        await client.ExpectAsync("220");
        await BeginAsync(client);
        await (reset ? client.ResetAsync() : client.FinishAsync());
        await client.Session;
        await NothingWasTakenAsync(relay);
    }

    /// <summary>E12: also of a message so large that it lies in a file of its own already.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_client_that_leaves_in_its_message_has_sent_nothing_and_leaves_no_file(bool reset)
    {
        await using EngineFixture relay = await StartAsync();
        await using TestClient client = await DataAsync(relay);
        await client.WriteAsync("Subject: half\r\n\r\n");
        string line = new string('x', 998) + "\r\n";
        for (int i = 0; i < 300; i++)
        {
            await client.WriteAsync(line);
        }

        await Eventually.True(() => OwnFiles(relay) == 1, "the message in a file of its own");
        await (reset ? client.ResetAsync() : client.FinishAsync());
        await client.Session;
        await Eventually.True(() => OwnFiles(relay) == 0, "no file of it");
        await relay.RestartAsync();
        await relay.SendAsync("a@source.example", ["v@dest.example"]);
        await relay.PassTimeUntil(() => relay.Log("delivered").Count == 1, "another message");
        Assert.Equal(["v@dest.example"], relay.Server.Mail.Single().Recipients);
        Assert.Single(relay.Log("received"));
    }

    /// <summary>E13: the client doesn't know whether it was taken; the relay and its log do.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_message_whose_client_leaves_right_behind_its_end_is_delivered_once_or_not_at_all(bool reset)
    {
        await using EngineFixture relay = await StartAsync();
        await using TestClient client = await DataAsync(relay);
        await client.WriteAsync("Subject: whole\r\n\r\nx\r\n.\r\n");
        await (reset ? client.ResetAsync() : client.FinishAsync());
        await client.Session;
        await relay.SendAsync("a@source.example", ["v@dest.example"]);
        await relay.PassTimeUntil(
            () => relay.Log("received") is { Count: > 0 } received && relay.Log("delivered").Count == received.Count && relay.Server.Mail.Any(static m => m.Recipients[0] == "v@dest.example"), "delivery");
        int taken = relay.Server.Mail.Count(static m => m.Recipients[0] == "u@dest.example");
        // Behind a FIN all that was sent is read; a reset may have taken it along.
        Assert.InRange(taken, reset ? 0 : 1, 1);
        Assert.Equal(taken + 1, relay.Log("received").Count);
    }

    /// <summary>F17, CVE-2026-45185.</summary>
    [Fact]
    public async Task An_octet_in_clear_behind_the_end_of_TLS_in_a_chunk_ends_the_session_and_nothing_is_stored()
    {
        await using EngineFixture relay = await StartAsync();
        await using TestClient client = await ChunkInTlsAsync(relay);
        await client.EndTlsAsync();
        await client.WriteAsync("x");
        await client.Session.WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
        await NothingWasTakenAsync(relay);
    }

    /// <summary>F17: a chunk that a FIN cuts off inside TLS looks no more whole than one in clear.</summary>
    [Fact]
    public async Task A_connection_that_ends_in_a_chunk_inside_TLS_has_sent_nothing()
    {
        await using EngineFixture relay = await StartAsync();
        await using TestClient client = await ChunkInTlsAsync(relay);
        await client.FinishAsync();
        await client.Session.WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
        await NothingWasTakenAsync(relay);
    }

    /// <summary>E12 inside TLS: SslStream tells no end from the other, so only the final dot may.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_message_that_TLS_ends_before_its_final_dot_is_not_taken(bool orderly)
    {
        await using EngineFixture relay = await StartAsync();
        await using TestClient client = await TlsAsync(relay);
        await client.SayAsync("DATA", "354");
        await client.WriteAsync("Subject: half\r\n\r\nx\r\n.\r");
        await (orderly ? client.EndTlsAsync() : client.FinishAsync());
        await client.Session.WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
        await NothingWasTakenAsync(relay);
    }

    /// <summary>K8: the name of a client is never waited for, so that a thousand look-ups that hang harm nobody, not even those they are about.</summary>
    [Fact]
    public async Task Name_servers_that_hang_for_a_thousand_clients_keep_nobody_waiting()
    {
        const int Clients = 1000;
        await using EngineFixture relay = Fixture();
        for (int i = 0; i < Clients; i++)
        {
            relay.Dns.Hold("PTR", Address(i));
        }

        await relay.StartAsync();
        var clients = new List<TestClient>();
        for (int i = 0; i < Clients; i++)
        {
            clients.Add(relay.Connect(Address(i)));
        }

        foreach (TestClient client in clients)
        {
            await client.ExpectAsync("220");
            await client.SayAsync("EHLO c.example", "250");
        }

        Assert.Equal(Clients, Enumerable.Range(0, Clients).Sum(i => relay.Dns.Asked("PTR", Address(i))));
        await relay.SendAsync("a@source.example", ["u@dest.example"]);
        await Eventually.True(() => relay.Server.Mail.Count == 1, "delivery");
        foreach (TestClient client in clients)
        {
            await client.DisposeAsync();
        }

        static string Address(int i) => string.Create(CultureInfo.InvariantCulture, $"10.1.{i / 250}.{1 + i % 250}");
    }

    private static int OwnFiles(EngineFixture relay) => Directory.GetFiles(relay.Options.Spool.Paths[0], "*.msg").Length;

    private static async Task NothingWasTakenAsync(EngineFixture relay)
    {
        await relay.SendAsync("a@source.example", ["v@dest.example"]);
        await relay.PassTimeUntil(() => relay.Log("delivered").Count == 1, "another message");
        Assert.Single(relay.Log("received"));
        Assert.Equal(["v@dest.example"], relay.Server.Mail.Single().Recipients);
    }

    private static async Task<TestClient> ChunkInTlsAsync(EngineFixture relay)
    {
        TestClient client = await TlsAsync(relay);
        await client.WriteAsync("BDAT 100 LAST\r\nSubject: half\r\n");
        return client;
    }

    private static async Task<TestClient> TlsAsync(EngineFixture relay)
    {
        TestClient client = await relay.ConnectTlsAsync();
        await BeginAsync(client);
        return client;
    }

    private static async Task<TestClient> DataAsync(EngineFixture relay)
    {
        TestClient client = relay.Connect();
        await client.ExpectAsync("220");
        await BeginAsync(client);
        await client.SayAsync("DATA", "354");
        return client;
    }

    private static async Task BeginAsync(TestClient client)
    {
        await client.SayAsync("EHLO client.example", "250");
        await client.SayAsync("MAIL FROM:<a@source.example>", "250");
        await client.SayAsync("RCPT TO:<u@dest.example>", "250");
    }

    private static async Task<EngineFixture> StartAsync(Action<EngineFixture>? set = null)
    {
        EngineFixture relay = Fixture();
        set?.Invoke(relay);
        return await relay.StartAsync();
    }

    private static EngineFixture Fixture()
    {
        var relay = new EngineFixture();
        relay.Dns.Mx("dest.example", (10, "mx.dest.example")).Host("mx.dest.example", "192.0.2.1");
        return relay;
    }
}
