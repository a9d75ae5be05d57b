using Relay.Tests.Support;

namespace Relay.Tests.Flow;

/// <summary>More mail than the queue may hold in memory, through the whole engine: it is taken more slowly, and delivered once.</summary>
public class FullQueueTests
{
    private const int Bound = 50;

    [Fact]
    public async Task What_a_next_hop_that_is_down_lets_pile_up_is_taken_slowly_and_delivered_once_when_it_is_up()
    {
        await using EngineFixture relay = Fixture();
        bool up = false;
        relay.Server.Reachable = _ => up;
        await relay.StartAsync();
        await SendAll(relay, 0, 500);
        DateTimeOffset before = relay.Time.GetUtcNow();
        await SendAll(relay, 500, 1);
        // As many wait on disk alone as may be in memory, and more.
        Assert.True(relay.Time.GetUtcNow() - before >= TimeSpan.FromSeconds(5));
        up = true;
        await relay.PassTimeUntil(() => relay.Server.Mail.Count >= 501, "all of it", TimeSpan.FromSeconds(1));
        await relay.PassTimeUntil(() => relay.Log("delivered").Count == 501, "the log");
        AssertOnce(relay, 501);
        before = relay.Time.GetUtcNow();
        await relay.SendAsync("s@source.example", ["last@dest.example"]);
        Assert.Equal(before, relay.Time.GetUtcNow());
        await Eventually.True(() => relay.Server.Mail.Count == 502, "what comes then");
    }

    [Fact]
    public async Task A_restart_meanwhile_takes_up_all_of_it()
    {
        await using EngineFixture relay = Fixture();
        bool up = false;
        relay.Server.Reachable = _ => up;
        await relay.StartAsync();
        await SendAll(relay, 0, 200);
        await relay.RestartAsync();
        await SendAll(relay, 200, 50);
        up = true;
        await relay.PassTimeUntil(() => relay.Server.Mail.Count >= 250, "all of it", TimeSpan.FromSeconds(1));
        await relay.PassTimeUntil(() => relay.Log("delivered").Count == 250, "the log");
        AssertOnce(relay, 250);
    }

    [Fact]
    public async Task Mail_that_is_held_for_later_keeps_its_time_on_disk_alone()
    {
        await using EngineFixture relay = Fixture();
        bool up = false;
        relay.Server.Reachable = _ => up;
        await relay.StartAsync();
        await SendAll(relay, 0, Bound);
        DateTimeOffset release = relay.Time.GetUtcNow() + TimeSpan.FromHours(5);
        await using (TestClient client = relay.Connect())
        {
            await client.ExpectAsync("220");
            await client.SayAsync("EHLO client.example", "250");
            await client.SayAsync("MAIL FROM:<s@source.example> HOLDFOR=18000", "250");
            await client.SayAsync("RCPT TO:<held@dest.example>", "250");
            await client.SayAsync("DATA", "354");
            Task<string> answer = client.SayAsync("Subject: later\r\n\r\nHello\r\n.", "250");
            await relay.PassTimeUntil(() => answer.IsCompleted, "the answer");
            await answer;
        }

        up = true;
        await relay.PassTimeUntil(() => relay.Server.Mail.Count == Bound, "the rest", TimeSpan.FromSeconds(1));
        await relay.PassTimeUntil(() => relay.Server.Mail.Count == Bound + 1, "what was held", TimeSpan.FromSeconds(1));
        Assert.True(relay.Time.GetUtcNow() >= release);
    }

    [Fact]
    public async Task Reports_wait_like_other_mail_and_arrive_once()
    {
        await using EngineFixture relay = Fixture();
        bool up = false;
        relay.Server.Reachable = _ => up;
        relay.Server.Answer = static line => line.StartsWith("RCPT TO:<u", StringComparison.Ordinal) ? "550 5.1.1 no such user" : null;
        await relay.StartAsync();
        await SendAll(relay, 0, 150);
        up = true;
        await relay.PassTimeUntil(() => relay.Server.Mail.Count >= 150, "all reports", TimeSpan.FromSeconds(1));
        await relay.PassTimeUntil(() => relay.Log("bounced").Count == 150 && relay.Log("delivered").Count == 150, "the log");
        Assert.Equal(150, relay.Server.Mail.Count);
        Assert.Equal(Names(150), relay.Server.Mail.Select(static m => m.Recipients.Single()).Order());
        Assert.All(relay.Server.Mail, static m => Assert.Empty(m.From));

        static IEnumerable<string> Names(int count) => Enumerable.Range(0, count).Select(static i => $"s{i}@source.example").Order();
    }

    private static void AssertOnce(EngineFixture relay, int count) =>
        Assert.Equal(Enumerable.Range(0, count).Select(static i => $"u{i}@dest.example").Order(), relay.Server.Mail.SelectMany(static m => m.Recipients).Order());

    /// <summary>By twenty clients at a time, while time passes.</summary>
    private static async Task SendAll(EngineFixture relay, int first, int count)
    {
        foreach (int[] some in Enumerable.Range(first, count).Chunk(20))
        {
            Task all = Task.WhenAll(some.Select(i => relay.SendAsync($"s{i}@source.example", [$"u{i}@dest.example"])));
            await relay.PassTimeUntil(() => all.IsCompleted, "the acknowledgements");
            await all;
        }
    }

    private static EngineFixture Fixture()
    {
        var relay = new EngineFixture();
        relay.Options = relay.Options with { Spool = relay.Options.Spool with { MessagesInMemory = Bound, SegmentSize = 1024 * 1024 } };
        relay.Dns.Mx("dest.example", (10, "mx.dest.example")).Host("mx.dest.example", "192.0.2.1");
        relay.Dns.Mx("source.example", (10, "mx.source.example")).Host("mx.source.example", "192.0.2.9");
        return relay;
    }
}
