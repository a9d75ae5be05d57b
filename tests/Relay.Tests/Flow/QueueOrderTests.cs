using Microsoft.Extensions.Time.Testing;
using Relay.Flow;
using Relay.Flow.Queue;
using Relay.Protocol.Message;
using Relay.Protocol.Smtp;
using Relay.Spool;
using Relay.Tests.Support;

namespace Relay.Tests.Flow;

/// <summary>What an operator orders with mail that waits: it happens, once, also to mail that is being sent, and also after a crash.</summary>
public sealed class QueueOrderTests
{
    [Fact]
    public async Task Held_mail_is_not_tried_and_does_not_expire_until_it_is_released()
    {
        await using EngineFixture relay = await Fixture().StartAsync();
        string id = await DeferredAsync(relay);

        OrderAnswer held = await OrderAsync(relay, QueueOrder.Hold, id);
        // The connection of the first try ends by itself, sooner or later: RSET and QUIT are no try.
        int commands = relay.Server.Commands.Count(static c => c is not ("RSET" or "QUIT"));
        await relay.PassTimeUntil(() => relay.Time.GetUtcNow() > Held(relay, id).Arrived + TimeSpan.FromDays(6), "six days", TimeSpan.FromHours(1));

        Assert.Equal((1, 0, null), (held.Messages, held.Parked, held.Failure));
        Assert.Equal(commands, relay.Server.Commands.Count(static c => c is not ("RSET" or "QUIT")));
        Assert.Equal("held", relay.Engine.Why("a.example", out _)!.Limit);
        Assert.Equal(0, (await OrderAsync(relay, QueueOrder.Hold, id)).Messages);

        relay.Server.Answer = static _ => null;
        Assert.Equal(1, (await OrderAsync(relay, QueueOrder.Release, id)).Messages);
        await relay.PassTimeUntil(() => relay.Log("delivered").Count == 1, "the delivery");

        Assert.Equal(["received", "deferred", "held", "released", "delivered"], Events(relay, id));
        Assert.Null(Find(relay, id));
    }

    [Fact]
    public async Task Released_mail_whose_time_was_over_has_one_more_try_and_then_expires()
    {
        await using EngineFixture relay = await Fixture().StartAsync();
        string id = await DeferredAsync(relay);
        await OrderAsync(relay, QueueOrder.Hold, id);
        await relay.PassTimeUntil(() => relay.Time.GetUtcNow() > Held(relay, id).Arrived + TimeSpan.FromDays(6), "six days", TimeSpan.FromHours(1));
        int commands = relay.Server.Commands.Count(static c => c.StartsWith("RCPT", StringComparison.Ordinal));

        await OrderAsync(relay, QueueOrder.Release, id);
        await relay.PassTimeUntil(() => relay.Log("expired").Count == 1, "the end");

        Assert.Equal(commands + 1, relay.Server.Commands.Count(static c => c.StartsWith("RCPT TO:<x@a.example>", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task What_is_held_stays_so_over_a_crash_and_what_is_released_does_too()
    {
        await using EngineFixture relay = await Fixture().StartAsync();
        string held = await DeferredAsync(relay);
        string released = await DeferredAsync(relay);
        string never = await relay.SendAsync("s@source.example", ["x@b.example", "y@a.example"]);
        await relay.PassTimeUntil(() => relay.Log("deferred").Count == 4, "the deferrals");
        await OrderAsync(relay, QueueOrder.Hold, "all");
        await OrderAsync(relay, QueueOrder.Release, released);
        await OrderAsync(relay, QueueOrder.Release, "domain:B.example");

        await using EngineFixture after = await CrashAsync(relay);
        await after.PassTimeUntil(() => after.Log("delivered").Count == 2, "what isn't held");

        Assert.Equal("held", Assert.Single(Held(after, held).Recipients).State);
        Assert.Equal(["settled", "held"], Held(after, never).Recipients.Select(static r => r.State));
        Assert.Null(Find(after, released));
        await after.PassTimeUntil(() => after.Time.GetUtcNow() > Held(after, held).Arrived + TimeSpan.FromDays(6), "six days", TimeSpan.FromHours(1));
        Assert.Equal(2, (await OrderAsync(after, QueueOrder.Release, "all")).Messages);
        await after.PassTimeUntil(() => after.Log("delivered").Count == 4, "the rest");
        Assert.Empty(after.Engine.Destinations(false, 10, out _));
    }

    [Theory]
    [InlineData("250 2.0.0 taken", "delivered")]
    [InlineData("450 4.0.0 not now", "dropped")]
    [InlineData("550 5.0.0 never", "bounced")]
    public async Task Mail_dropped_while_it_is_sent_ends_once_as_its_server_says_or_is_dropped(string answer, string end)
    {
        await using EngineFixture relay = Fixture();
        using var gate = new ManualResetEventSlim();
        string id = await SendingAsync(relay, gate, answer);

        OrderAnswer dropped = await OrderAsync(relay, QueueOrder.Drop, id);
        Assert.Equal(1, dropped.Messages);
        Assert.Equal("dropping", Held(relay, id).Recipients[0].State);
        gate.Set();
        // The clock stands still: it obeys when it comes back, and not when its next attempt would be.
        await Eventually.True(() => Find(relay, id) is null, "that it is gone");
        await relay.PassTimeUntil(() => relay.Log(end).Count == 1 && relay.Engine.Why("a.example", out _)?.Messages is 0 or null, "the end");
        await relay.PassTimeUntil(PassedBy(relay, TimeSpan.FromHours(1)), "an hour", TimeSpan.FromMinutes(1));

        Assert.Equal(answer[0] == '4' ? ["received", "deferred", "dropped"] : ["received", end], Events(relay, id));
        Assert.Null(Find(relay, id));
        Assert.Equal(end == "bounced" ? 1 : 0, relay.Server.Mail.Count(static m => m.From.Length == 0));
    }

    [Fact]
    public async Task Mail_held_while_it_is_sent_is_held_when_it_comes_back()
    {
        await using EngineFixture relay = Fixture();
        using var gate = new ManualResetEventSlim();
        string id = await SendingAsync(relay, gate, "450 4.0.0 not now");

        await OrderAsync(relay, QueueOrder.Hold, id);
        gate.Set();
        await relay.PassTimeUntil(() => relay.Log("deferred").Count == 1, "the deferral");
        await relay.PassTimeUntil(PassedBy(relay, TimeSpan.FromHours(12)), "half a day", TimeSpan.FromMinutes(10));

        Assert.Equal(["received", "held", "deferred"], Events(relay, id));
        Assert.Equal(("held", 1), Held(relay, id).Recipients.Select(static r => (r.State, r.Attempts)).Single());
        await using EngineFixture after = await CrashAsync(relay);
        await after.PassTimeUntil(() => Find(after, id) is not null, "the recovery");
        Assert.Equal("held", Held(after, id).Recipients[0].State);
    }

    [Fact]
    public async Task Mail_held_while_its_last_attempt_is_made_does_not_expire_with_it()
    {
        await using EngineFixture relay = Fixture();
        relay.Options = relay.Options with { Delivery = relay.Options.Delivery with { Expire = TimeSpan.FromMinutes(1) } };
        using var gate = new ManualResetEventSlim();
        string id = await SendingAsync(relay, gate, "450 4.0.0 not now");

        await OrderAsync(relay, QueueOrder.Hold, id);
        await relay.PassTimeUntil(PassedBy(relay, TimeSpan.FromMinutes(2)), "the end of its time", TimeSpan.FromSeconds(1));
        gate.Set();
        await relay.PassTimeUntil(() => relay.Log("deferred").Count == 1 || relay.Log("expired").Count == 1, "the deferral");

        Assert.Equal(["received", "held", "deferred"], Events(relay, id));
        Assert.Equal("held", Held(relay, id).Recipients[0].State);
    }

    [Fact]
    public async Task What_is_bounced_is_reported_exactly_once_and_other_recipients_go_on()
    {
        await using EngineFixture relay = await Fixture().StartAsync();
        relay.Server.Answer = static line => line.StartsWith("RCPT", StringComparison.Ordinal) && !line.Contains("source.example", StringComparison.Ordinal) ? "450 4.2.2 mailbox full" : null;
        string id = await relay.SendAsync("s@source.example", ["one@a.example", "two@a.example", "three@b.example"]);
        await relay.PassTimeUntil(() => relay.Log("deferred").Count == 3, "the deferrals");

        Assert.Equal(1, (await OrderAsync(relay, QueueOrder.Bounce, "domain:a.example")).Messages);
        Assert.Equal(0, (await OrderAsync(relay, QueueOrder.Bounce, "domain:a.example")).Messages);
        Assert.Equal(0, (await OrderAsync(relay, QueueOrder.Drop, "domain:a.example")).Messages);
        await relay.PassTimeUntil(() => relay.Server.Mail.Any(static m => m.From.Length == 0), "the report");
        await relay.PassTimeUntil(PassedBy(relay, TimeSpan.FromMinutes(30)), "half an hour", TimeSpan.FromMinutes(1));

        string report = Assert.Single(relay.Server.Mail, static m => m.From.Length == 0).Body;
        Assert.Contains("bounced by the operator", report, StringComparison.Ordinal);
        Assert.Contains("Status: 5.7.0", report, StringComparison.Ordinal);
        Assert.Contains("one@a.example", report, StringComparison.Ordinal);
        Assert.Contains("two@a.example", report, StringComparison.Ordinal);
        Assert.DoesNotContain("three@b.example", report, StringComparison.Ordinal);
        Assert.Equal(2, relay.Log("bounced").Count);
        Assert.Equal(["settled", "settled", "scheduled"], Held(relay, id).Recipients.Select(static r => r.State));
    }

    [Fact]
    public async Task What_was_ordered_of_mail_in_flight_is_done_after_a_crash()
    {
        await using EngineFixture relay = Fixture();
        using var gate = new ManualResetEventSlim();
        string id = await SendingAsync(relay, gate, "450 4.0.0 not now");
        await OrderAsync(relay, QueueOrder.Bounce, id);

        await using EngineFixture after = await CrashAsync(relay);
        gate.Set();
        await after.PassTimeUntil(() => after.Server.Mail.Any(static m => m.From.Length == 0), "the report");
        await after.PassTimeUntil(PassedBy(after, TimeSpan.FromMinutes(30)), "half an hour", TimeSpan.FromMinutes(1));

        Assert.Single(after.Server.Mail, static m => m.From.Length == 0);
        Assert.Equal(["bounced"], Events(after, id));
        Assert.Null(Find(after, id));
    }

    [Fact]
    public async Task Held_mail_can_be_bounced_or_dropped_and_dropped_mail_is_reported_to_nobody()
    {
        await using EngineFixture relay = await Fixture().StartAsync();
        string bounced = await DeferredAsync(relay);
        string dropped = await DeferredAsync(relay, "other@source.example");
        await OrderAsync(relay, QueueOrder.Hold, "all");

        Assert.Equal(1, (await OrderAsync(relay, QueueOrder.Bounce, bounced)).Messages);
        Assert.Equal(1, (await OrderAsync(relay, QueueOrder.Drop, "sender:Other@Source.example")).Messages);
        await relay.PassTimeUntil(() => relay.Server.Mail.Any(static m => m.From.Length == 0), "the report");
        await relay.PassTimeUntil(() => relay.Engine.Destinations(false, 10, out _).Count == 0 && relay.Log("dropped").Count + relay.Log("bounced").Count == 2, "that nothing waits");

        Assert.Equal(["received", "deferred", "held", "bounced"], Events(relay, bounced));
        Assert.Equal(["received", "deferred", "held", "dropped"], Events(relay, dropped));
        Assert.Single(relay.Server.Mail, static m => m.From.Length == 0);
    }

    [Fact]
    public async Task Retried_mail_is_tried_at_once_although_its_site_is_left_alone()
    {
        await using EngineFixture relay = await Fixture().StartAsync();
        relay.Server.Reachable = static _ => false;
        string id = await relay.SendAsync("s@source.example", ["x@a.example"]);
        await relay.PassTimeUntil(() => relay.Engine.Sites(false, 10, out _) is [{ Limit: "suspended" }] && Held(relay, id).Recipients[0].State == "scheduled", "the deferral");
        relay.Server.Reachable = static _ => true;

        DateTimeOffset before = relay.Time.GetUtcNow();
        Assert.Equal(1, (await OrderAsync(relay, QueueOrder.Retry, id)).Messages);
        await relay.PassTimeUntil(() => !relay.Server.Mail.IsEmpty, "the delivery");

        Assert.InRange(relay.Time.GetUtcNow() - before, TimeSpan.Zero, TimeSpan.FromSeconds(10));
    }

    [Fact]
    public async Task What_is_held_is_not_retried_and_new_mail_is_not_held()
    {
        await using EngineFixture relay = await Fixture().StartAsync();
        string id = await DeferredAsync(relay);
        await OrderAsync(relay, QueueOrder.Hold, "all");
        relay.Server.Answer = static _ => null;

        Assert.Equal(0, (await OrderAsync(relay, QueueOrder.Retry, "all")).Messages);
        await relay.SendAsync("s@source.example", ["new@a.example"]);
        await relay.PassTimeUntil(() => relay.Log("delivered").Count == 1, "the new one");

        Assert.Equal("held", Held(relay, id).Recipients[0].State);
        DestinationStatus status = Assert.Single(relay.Engine.Destinations(false, 10, out _));
        Assert.Equal((1, 1, "held"), (status.Messages, status.OnHold, status.Limit));
    }

    [Fact]
    public async Task A_message_says_of_itself_what_its_client_said_and_where_each_recipient_stands()
    {
        await using EngineFixture relay = await Fixture().StartAsync();
        relay.Server.Answer = static line => line.StartsWith("RCPT TO:<x@a", StringComparison.Ordinal) ? "450 4.2.2 mailbox full" : null;
        string id = await relay.SendAsync("s@source.example", ["x@a.example", "y@b.example"], "Subject: here\r\nX: 1\r\n\r\nBody: not this\r\n");
        await relay.PassTimeUntil(() => relay.Log("deferred").Count + relay.Log("delivered").Count == 2, "both attempts");

        Assert.True(QueueId.TryParse(id, out QueueId parsed));
        MessageStatus status = relay.Engine.Find(parsed, header: true)!;

        Assert.Equal((id, "s@source.example", "127.0.0.1", "default", "7BIT"), (status.Id, status.From, status.Client, status.Tenant, status.Body));
        Assert.EndsWith("Subject: here\r\nX: 1\r\n", status.Header, StringComparison.Ordinal);
        Assert.StartsWith("Received: ", status.Header, StringComparison.Ordinal);
        Assert.DoesNotContain("not this", status.Header, StringComparison.Ordinal);
        Assert.False(status.IsHeaderCut);
        RecipientStatus waits = status.Recipients[0];
        Assert.Equal(("scheduled", 1, "back_off", "450 4.2.2 mailbox full", "a.example"), (waits.State, waits.Attempts, waits.Limit, waits.LastReply, waits.Destination));
        Assert.InRange(waits.NextAttempt!.Value - relay.Time.GetUtcNow(), TimeSpan.FromMinutes(3), TimeSpan.FromMinutes(7));
        Assert.Equal("settled", status.Recipients[1].State);
        Assert.Null(relay.Engine.Find(new QueueId(parsed.Value + 1), header: true));
    }

    [Fact]
    public async Task A_message_that_is_parked_says_so_and_is_not_touched()
    {
        await using EngineFixture relay = Fixture();
        relay.Options = relay.Options with { Spool = relay.Options.Spool with { MessagesInMemory = 4 } };
        relay.Server.Reachable = static _ => false;
        await relay.StartAsync();
        var ids = new List<string>();
        for (int i = 0; i < 8; i++)
        {
            Task<string> sending = relay.SendAsync("s@source.example", ["x@a.example"]);
            // A 250 waits the longer the more is parked.
            await relay.PassTimeUntil(() => sending.IsCompleted, "the 250");
            ids.Add(await sending);
        }

        MessageStatus[] parked = [.. ids.Select(i => Find(relay, i)!).Where(static m => m.IsParked)];

        Assert.Equal(ids.Count, ids.Count(i => Find(relay, i) is not null));
        Assert.NotEmpty(parked);
        Assert.Equal(("parked", "parked"), (parked[^1].Recipients[0].State, parked[^1].Recipients[0].Limit));
        Assert.EndsWith("Subject: test\r\n", parked[^1].Header, StringComparison.Ordinal);
        OrderAnswer answer = await OrderAsync(relay, QueueOrder.Drop, parked[^1].Id);
        Assert.Equal((0, 1), (answer.Messages, answer.Parked));
        Assert.NotNull(Find(relay, parked[^1].Id));
    }

    [Theory]
    [InlineData("all", true)]
    [InlineData("domain:x", true)]
    [InlineData("sender:<>", true)]
    [InlineData("0123456789abc", true)]
    [InlineData("", false)]
    [InlineData("domain:", false)]
    [InlineData("ALL", false)]
    [InlineData("0123456789ab", false)]
    [InlineData("a.example", false)]
    public void A_selector_is_one_of_four_things(string text, bool valid) => Assert.Equal(valid, QueueSelector.TryParse(text, out _));

    [Fact]
    public void Of_two_words_of_an_operator_the_later_one_holds_in_whatever_order_they_are_read()
    {
        var hold = new RecipientUpdate(0, RecipientState.Pending, 3, RecipientUpdate.TimeOf(RecipientOrder.Hold), 1);
        RecipientUpdate release = hold with { NextAttempt = DateTimeOffset.UnixEpoch.AddDays(20000), Turn = 2 };
        RecipientUpdate attempt = release with { Attempts = 4, Turn = 0, NextAttempt = DateTimeOffset.UnixEpoch.AddDays(20001) };

        foreach (RecipientUpdate[] order in (RecipientUpdate[][])[[hold, release, attempt], [attempt, release, hold], [release, attempt, hold]])
        {
            SpooledMessage message = Message();
            message.Apply(order.AsSpan(0, 2));
            message.Apply(order.AsSpan(2));
            Assert.Equal((0, RecipientOrder.None, 4), (message.Ordered, message.OrderOf(0), message.Pending()[0].Attempts));
        }

        SpooledMessage last = Message();
        last.Apply([release]);
        last.Apply([hold]);
        Assert.Equal((0, RecipientOrder.None), (last.Ordered, last.OrderOf(0)));
    }

    [Fact]
    public void Mail_released_while_it_is_recovered_is_ready_and_does_not_wait_for_the_end_of_time()
    {
        var looked = new List<Destination>();
        var time = new FakeTimeProvider();
        var queue = new MessageQueue(
            time, static _ => null, static _ => throw new InvalidOperationException(), new TenantTable([]), new RetrySchedule([TimeSpan.FromMinutes(1)], TimeSpan.FromDays(1), TimeSpan.FromDays(1)), looked.Add, static _ => { }, static () => { });

        queue.Recover(new RecoveredMessage(Message(), [new PendingRecipient(0, 1, RecipientUpdate.TimeOf(RecipientOrder.Hold))]));

        Assert.Equal("a.example", Assert.Single(looked).Name);
        Assert.Equal(1, looked[0].Held);
    }

    private static SpooledMessage Message()
    {
        var envelope = new EnvelopeBuilder();
        envelope.Begin("s@source.example"u8, BodyType.Unspecified, EnvelopeFlags.None);
        envelope.TryAdd("x@a.example"u8);
        return new SpooledMessage(new QueueId(1), envelope.Build(), 100, DateTimeOffset.UnixEpoch, null, ownFile: false);
    }

    private static async Task<string> DeferredAsync(EngineFixture relay, string from = "s@source.example")
    {
        int before = relay.Log("deferred").Count;
        relay.Server.Answer = static line => line.StartsWith("RCPT", StringComparison.Ordinal) && !line.Contains("source.example", StringComparison.Ordinal) ? "450 4.2.2 mailbox full" : null;
        string id = await relay.SendAsync(from, ["x@a.example"]);
        await relay.PassTimeUntil(() => relay.Log("deferred").Count == before + 1, "the deferral");
        return id;
    }

    /// <summary>A message whose content the server has, and whose fate it has not told yet.</summary>
    private static async Task<string> SendingAsync(EngineFixture relay, ManualResetEventSlim gate, string answer)
    {
        int asked = 0;
        relay.Server.Answer = line =>
        {
            if (line != "." || Interlocked.Increment(ref asked) > 1)
            {
                return null;
            }

            gate.Wait();
            return answer;
        };
        await relay.StartAsync();
        string id = await relay.SendAsync("s@source.example", ["x@a.example"]);
        await Eventually.True(() => Volatile.Read(ref asked) == 1, "the content");
        return id;
    }

    private static async Task<OrderAnswer> OrderAsync(EngineFixture relay, QueueOrder order, string selector)
    {
        Assert.True(QueueSelector.TryParse(selector, out QueueSelector? parsed));
        Task<OrderAnswer> answer = relay.Engine.OrderAsync(order, parsed, "a test", CancellationToken.None);
        await relay.PassTimeUntil(() => answer.IsCompleted, "the answer");
        return await answer;
    }

    private static MessageStatus Held(EngineFixture relay, string id) => Find(relay, id) ?? throw new InvalidOperationException($"{id} is not there");

    private static MessageStatus? Find(EngineFixture relay, string id) => QueueId.TryParse(id, out QueueId parsed) ? relay.Engine.Find(parsed, header: true) : null;

    private static string[] Events(EngineFixture relay, string id) => [.. relay.Log().Where(l => l.GetProperty("id").GetString() == id).Select(static l => l.GetProperty("event").GetString()!)];

    private static Func<bool> PassedBy(EngineFixture relay, TimeSpan time)
    {
        DateTimeOffset end = relay.Time.GetUtcNow() + time;
        return () => relay.Time.GetUtcNow() > end;
    }

    /// <summary>Another engine on what a crash at this moment would leave of the spool.</summary>
    private static async Task<EngineFixture> CrashAsync(EngineFixture relay)
    {
        EngineFixture after = Fixture();
        Directory.CreateDirectory(after.Options.Spool.Paths[0]);
        foreach (string file in Directory.GetFiles(relay.Options.Spool.Paths[0]).Where(static f => Path.GetFileName(f) != "lock"))
        {
            File.Copy(file, Path.Combine(after.Options.Spool.Paths[0], Path.GetFileName(file)));
        }

        after.Time.SetUtcNow(relay.Time.GetUtcNow());
        return await after.StartAsync();
    }

    private static EngineFixture Fixture()
    {
        var relay = new EngineFixture();
        foreach (string domain in (string[])["a.example", "b.example", "source.example"])
        {
            relay.Dns.Mx(domain, (10, "mx." + domain)).Host("mx." + domain, "192.0.2.1");
        }

        return relay;
    }
}
