using Relay.Protocol.Message;
using Relay.Spool;

namespace Relay.Tests.Spool;

/// <summary>What an operator said of recipients is kept like what was settled, and messages are found by their ids wherever they lie.</summary>
public sealed class SpoolOrderTests
{
    private readonly FaultyStorage _disk = new();

    [Fact]
    public async Task What_was_said_last_holds_also_when_the_log_was_tidied_and_the_relay_crashed()
    {
        await using TestSpool spool = TestSpool.Open(_disk);
        // A segment full of mail that stays: what is said of it lies in others, which come and go, and is copied from one to the next.
        List<SpooledMessage> old = [];
        for (int i = 0; i < 12; i++)
        {
            old.Add(await spool.Store(TestSpool.Body(i, 3700), TestSpool.Envelope("a@example.net", "b@example.net")));
        }

        for (int round = 0; round < 12; round++)
        {
            foreach ((int i, SpooledMessage message) in old.Index())
            {
                Order(message, (i + round) % 3 == 0 ? RecipientOrder.Hold : RecipientOrder.None, 1);
            }

            await spool.Spool.FlushAsync();
            await SpoolRecoveryTests.Fill(spool, 16);
        }

        Order(old[0], RecipientOrder.Bounce, 0);
        Order(old[1], RecipientOrder.Drop, 0);
        RecipientOrder[] expected = [.. old.SelectMany(m => (int[])[0, 1], static (m, r) => MessageSpool.OrderOf(m, r))];
        await TestSpool.Until(() => _disk.Names(TestSpool.Folder).Count(static f => f.EndsWith(".seg", StringComparison.Ordinal)) < 16);
        await spool.Spool.FlushAsync();

        await using TestSpool again = TestSpool.Open(_disk.Crash(null));
        Assert.Equal(old.Select(static m => m.Id), again.Recovered.Select(static m => m.Message.Id));
        Assert.Equal(expected, again.Recovered.SelectMany(static m => m.Pending, static (_, p) => p.Order));
        Assert.Contains(RecipientOrder.Hold, expected);
        Assert.Equal(again.Recovered.Select(static m => m.Pending.Count(static p => p.Order != RecipientOrder.None)), again.Recovered.Select(static m => m.Message.Ordered));
    }

    [Fact]
    public async Task An_attempt_that_was_under_way_does_not_undo_what_was_said_and_a_final_answer_does()
    {
        await using TestSpool spool = TestSpool.Open(_disk);
        SpooledMessage message = await spool.Store(TestSpool.Body(1, 500), TestSpool.Envelope("a@example.net", "b@example.net", "c@example.net"));
        Order(message, RecipientOrder.Hold, 0);
        Order(message, RecipientOrder.Hold, 1);
        DateTimeOffset next = DateTimeOffset.UnixEpoch.AddDays(20001);

        spool.Spool.Update(message, [new RecipientUpdate(0, RecipientState.Pending, 1, next), new RecipientUpdate(1, RecipientState.Delivered, 1, default), new RecipientUpdate(2, RecipientState.Pending, 1, next)]);
        await spool.Spool.FlushAsync();

        Assert.Equal(1, message.Ordered);
        await using TestSpool again = TestSpool.Open(_disk.Crash(null));
        Assert.Equal([(0, 1, RecipientOrder.Hold), (2, 1, RecipientOrder.None)], Assert.Single(again.Recovered).Pending.Select(static p => (p.Recipient, p.Attempts, p.Order)));
        SpooledMessage found = again.Recovered[0].Message;
        Assert.Single(MessageSpool.Order(found, RecipientOrder.None, static _ => true, next));
        Assert.Empty(MessageSpool.Order(found, RecipientOrder.None, static _ => true, next));
        Assert.Equal((0, next), (found.Ordered, MessageSpool.Pending(found)[0].NextAttempt));
    }

    [Fact]
    public async Task A_message_is_found_by_its_id_wherever_it_was_moved_until_it_is_gone()
    {
        await using TestSpool spool = TestSpool.Open(_disk);
        List<SpooledMessage> kept = [];
        List<Segment> places = [];
        for (int i = 0; i < 40; i++)
        {
            kept.Add(await spool.Store(TestSpool.Body(i, 7000)));
            places.Add(kept[i].Segment!);
            await SpoolRecoveryTests.Fill(spool, 7);
        }

        await TestSpool.Until(() => kept.Index().Count(k => k.Item.Segment != places[k.Index]) > 10);
        Assert.All(kept, m => Assert.Equal(new FoundMessage(m, IsParked: false), spool.Spool.Find(m.Id)));
        Assert.Null(spool.Spool.Find(new QueueId(kept[3].Id.Value + 1)));
        Assert.Null(spool.Spool.Find(default));
        spool.Settle(kept[3]);
        Assert.Null(spool.Spool.Find(kept[3].Id));
    }

    private static void Order(SpooledMessage message, RecipientOrder order, int recipient) => MessageSpool.Order(message, order, r => r == recipient, DateTimeOffset.UnixEpoch.AddDays(20000));
}
