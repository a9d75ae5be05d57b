using Relay.Tests.Spool;
using Relay.Tests.Support;

namespace Relay.Tests.Flow;

/// <summary>DUR7: a full disk refuses new mail, with the reply that means it, and nothing else stops.</summary>
public class DiskFullTests
{
    private const int Segment = 256 * 1024;

    private readonly FaultyStorage _disk = new();

    [Fact]
    public async Task Mail_is_refused_at_MAIL_deliveries_and_reports_go_on_and_space_ends_it()
    {
        await using EngineFixture relay = await StartAsync();
        bool deferring = true;
        relay.Server.Answer = line => line.StartsWith("RCPT TO:<gone", StringComparison.Ordinal) && !deferring ? "550 5.1.1 no such mailbox"
            : line.StartsWith("RCPT", StringComparison.Ordinal) && deferring ? "450 4.2.0 not now" : null;
        _disk.SetSpace(1000);
        string body = "Subject: full\r\n\r\n" + string.Concat(Enumerable.Repeat(new string('x', 70) + "\r\n", 440));
        int accepted = 0;
        string end;
        await using (TestClient filling = relay.Connect())
        {
            await filling.ExpectAsync("220");
            await filling.SayAsync("EHLO client.example", "250");
            do
            {
                await filling.SayAsync("MAIL FROM:<a@source.example>", "250");
                await filling.SayAsync($"RCPT TO:<{(accepted == 3 ? "gone" : "u")}@dest.example>", "250");
                await filling.SayAsync("DATA", "354");
                end = await filling.SayAsync(body + ".", "");
                accepted += end.StartsWith("250", StringComparison.Ordinal) ? 1 : 0;
            }
            while (end.StartsWith("250", StringComparison.Ordinal));

            Assert.StartsWith("452 4.3.1 ", end, StringComparison.Ordinal);
            Assert.StartsWith("452 4.3.1 ", await filling.SayAsync("MAIL FROM:<a@source.example>", "452"), StringComparison.Ordinal);
        }

        Assert.False(relay.Engine.IsReady);
        // All of it leaves, and the report about the one that can't be delivered is stored and leaves too.
        deferring = false;
        await relay.PassTimeUntil(() => relay.Server.Mail.Count == accepted, "the deliveries and the report", TimeSpan.FromSeconds(10));
        Assert.Single(relay.Server.Mail, static m => m.From.Length == 0);

        // What was delivered makes its segments free again; nothing had to be restarted.
        await relay.PassTimeUntil(() => relay.Engine.IsReady, "space");
        await relay.SendAsync("a@source.example", ["u@dest.example"]);
    }

    [Fact]
    public async Task A_size_that_cannot_be_held_is_refused_at_MAIL_and_smaller_ones_are_taken()
    {
        await using EngineFixture relay = await StartAsync();
        _disk.SetSpace(Segment + 300_000);
        await using TestClient client = relay.Connect();
        await client.ExpectAsync("220");
        await client.SayAsync("EHLO client.example", "250");
        Assert.StartsWith("452 4.3.1 ", await client.SayAsync("MAIL FROM:<a@source.example> SIZE=300001", "452"), StringComparison.Ordinal);
        await client.SayAsync("MAIL FROM:<a@source.example> SIZE=300000", "250");
        await client.SayAsync("RSET", "250");
        Assert.True(relay.Engine.IsReady);
    }

    /// <summary>K10.</summary>
    [Fact]
    public async Task Mail_flows_on_when_the_delivery_logs_disk_is_full()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "/dev/full is Linux's");
        await using var relay = new EngineFixture();
        relay.Options = relay.Options with { DeliveryLogPath = "/dev/full" };
        relay.Dns.Mx("dest.example", (10, "mx.dest.example")).Host("mx.dest.example", "192.0.2.1");
        await relay.StartAsync();
        for (int i = 1; i <= 3; i++)
        {
            int sent = i;
            await relay.SendAsync("a@source.example", ["u@dest.example"]);
            // The log tries its file every second.
            await relay.PassTimeUntil(() => relay.Server.Mail.Count == sent, "delivery");
            relay.Time.Advance(TimeSpan.FromSeconds(2));
        }

        Assert.True(relay.Engine.IsReady);
    }

    private async Task<EngineFixture> StartAsync()
    {
        var relay = new EngineFixture { Storage = _disk };
        relay.Options = relay.Options with { Spool = relay.Options.Spool with { Paths = ["/spool"], SegmentSize = Segment } };
        relay.Dns.Mx("dest.example", (10, "mx.dest.example")).Mx("source.example", (10, "mx.dest.example")).Host("mx.dest.example", "192.0.2.1");
        await relay.StartAsync();
        // Upkeep makes what it keeps ready; with it the test knows what there is.
        await Eventually.True(() => _disk.Names("/spool").Count(static n => n.EndsWith(".seg", StringComparison.Ordinal)) == 5 && _disk.Calls()[^1] == "syncdir spool", "segments ready");
        return relay;
    }
}
