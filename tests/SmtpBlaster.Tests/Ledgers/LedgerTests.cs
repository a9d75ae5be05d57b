using SmtpBlaster.Ledgers;

namespace SmtpBlaster.Tests.Ledgers;

public sealed class LedgerTests
{
    [Fact]
    public void Lost_duplicated_altered_and_ghosts_are_told_apart()
    {
        var ledger = new Ledger();
        ledger.Sent(0, 6);
        foreach (long number in new long[] { 0, 1, 2, 3 })
        {
            ledger.Acknowledged(number);
        }

        // 0 arrives, 1 not, 2 three times, 3 altered; of 4 nobody was told, and 5 never came.
        foreach (long number in new long[] { 0, 2, 2, 2, 4 })
        {
            ledger.Arrive(number, altered: false);
        }

        ledger.Arrive(3, altered: true);
        ledger.Arrive(Ledger.MaximumNumber, altered: false);
        LedgerSummary summary = ledger.Summarize();
        Assert.Equal((6, 4, 4, 1), (summary.Sent, summary.Acknowledged, summary.Arrived, summary.Lost));
        Assert.Equal((1, 2, 1, 1, 1), (summary.Duplicated, summary.Copies, summary.Altered, summary.Ghosts, summary.Untracked));
        Assert.Equal([1L], summary.LostNumbers);
        Assert.False(summary.IsClean);
    }

    [Fact]
    public void Nothing_is_missed_when_several_threads_write_at_once()
    {
        const int Count = 300_000;
        var ledger = new Ledger();
        var threads = Enumerable.Range(0, 4).Select(part => new Thread(() =>
        {
            for (long number = 0; number < Count; number++)
            {
                if (number % 2 == part)
                {
                    ledger.Sent(number, 1);
                    ledger.Acknowledged(number);
                }
                else if (part >= 2)
                {
                    ledger.Arrive(number, altered: false);
                }
            }
        })).ToList();
        threads.ForEach(static t => t.Start());
        threads.ForEach(static t => t.Join());
        LedgerSummary summary = ledger.Summarize();
        Assert.Equal((Count, Count, Count, 0), (summary.Sent, summary.Acknowledged, summary.Arrived, summary.Lost));
        Assert.Equal(Count, summary.Duplicated);
    }
}
