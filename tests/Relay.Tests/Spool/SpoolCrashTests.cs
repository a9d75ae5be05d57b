using Relay.Protocol.Smtp;
using Relay.Spool;

namespace Relay.Tests.Spool;

/// <summary>
/// Power cuts at any call to the disk, leaving any subset of what was not synced, one after the other on the same folder. What was acknowledged before the cut
/// is there afterwards, unaltered;
/// what was durably settled doesn't come back.
/// </summary>
public sealed class SpoolCrashTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task Power_cuts_lose_nothing_that_was_acknowledged(int seed)
    {
        var random = new Random(seed);
        var disk = new FaultyStorage();
        var ledger = new SpoolLedger();
        for (int round = 0; round < 125; round++)
        {
            int cutAt = random.Next(1, random.Next(2) == 0 ? 20 : 150);
            int calls = 0;
            FaultyStorage? after = null;
            SpoolLedger? then = null;
            disk.Fault = (_, _) =>
            {
                if (++calls == cutAt)
                {
                    then = ledger.Copy();
                    after = disk.Crash(random);
                }

                return 0;
            };
            await using (TestSpool spool = TestSpool.Open(disk))
            {
                ledger.Check(spool);
                await Work(spool, ledger, random.Next());
            }

            disk.Fault = null;
            Assert.DoesNotContain(TestSpool.Folder + "/corrupt", disk.Names("/"));
            if (after is not null)
            {
                disk = after;
                ledger = then!;
            }
        }

        await using TestSpool last = TestSpool.Open(disk);
        ledger.Check(last);
    }

    private static async Task Work(TestSpool spool, SpoolLedger ledger, int seed)
    {
        var live = new Queue<SpooledMessage>(spool.Recovered.Select(m => m.Message));
        await Task.WhenAll(Enumerable.Range(0, 3).Select(worker => Task.Run(async () =>
        {
            var random = new Random(seed + worker);
            for (int i = 0; i < 4; i++)
            {
                if (await Store(spool, ledger, random) is { } stored)
                {
                    lock (live)
                    {
                        live.Enqueue(stored);
                    }
                }

                await Settle(spool, ledger, random, live);
            }
        }, TestContext.Current.CancellationToken)));
    }

    private static async Task<SpooledMessage?> Store(TestSpool spool, SpoolLedger ledger, Random random)
    {
        byte[] body = TestSpool.Body(random.Next(), random.Next(5) == 0 ? random.Next(16_000, 60_000) : random.Next(0, 9000));
        Envelope envelope = TestSpool.Envelope(Enumerable.Range(0, random.Next(1, 4)).Select(r => $"r{r}@example.net").ToArray());
        using SpoolTransaction transaction = spool.Spool.Begin();
        ledger.Sent(transaction.Id, body);
        for (int at = 0; at < body.Length;)
        {
            int n = Math.Min(4000, body.Length - at);
            body.AsSpan(at, n).CopyTo(transaction.GetSpan(n));
            transaction.Advance(n);
            at += n;
            await transaction.FlushAsync();
        }

        CommitResult result = await transaction.CommitAsync(envelope, DateTimeOffset.UnixEpoch, null);
        Assert.NotNull(result.Message);
        ledger.Acknowledged(result.Message);
        return result.Message;
    }

    private static async Task Settle(TestSpool spool, SpoolLedger ledger, Random random, Queue<SpooledMessage> live)
    {
        SpooledMessage? message;
        lock (live)
        {
            if (live.Count < 4 || !live.TryDequeue(out message))
            {
                return;
            }
        }

        for (int r = 0; r < message.Envelope.RecipientCount; r++)
        {
            if (random.Next(4) == 0)
            {
                // Left for another round: comes back for this recipient only.
                continue;
            }

            ledger.Settling(message.Id, r);
            spool.Settle(message, r);
            if (random.Next(2) == 0)
            {
                await spool.Spool.FlushAsync();
                ledger.Settled(message.Id, r);
            }
        }
    }
}
