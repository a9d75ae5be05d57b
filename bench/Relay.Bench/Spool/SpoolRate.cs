using System.Globalization;

namespace Relay.Bench.Spool;

/// <summary>
/// Committed messages a second by number of transactions and size, beside what the same disk allows at best and what one file for each message reaches. The three take
/// turns, so that a disk that changes its speed does so for all of them.
/// </summary>
internal static class SpoolRate
{
    private const int KiB = 1024;
    private const int Turns = 3;

    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(0.5);
    private static readonly TimeSpan Turn = TimeSpan.FromSeconds(1);

    /// <summary>Measures in a folder on the disk in question, which needs 2 GiB. Prints a table.</summary>
    public static async Task RunAsync(string folder)
    {
        Console.WriteLine("|    size | at a time |  messages/s | % of raw limit | x one file | p50 ms | p99 ms | syncs/message | octets/batch | allocated/message |");
        Console.WriteLine("|--------:|----------:|------------:|---------------:|-----------:|-------:|-------:|--------------:|-------------:|------------------:|");
        foreach (int size in (int[])[KiB, 4 * KiB, 64 * KiB, KiB * KiB])
        {
            foreach (int concurrency in (int[])[1, 10, 50, 200])
            {
                await MeasureAsync(folder, size, concurrency).ConfigureAwait(false);
            }
        }
    }

    private static async Task MeasureAsync(string folder, int size, int concurrency)
    {
        byte[] body = new byte[size];
        new Random(size).NextBytes(body);
        var spool = new List<RateResult>();
        var raw = new List<double>();
        var files = new List<double>();
        double batch = 0;
        for (int turn = 0; turn < Turns; turn++)
        {
            var load = new SpoolLoad(Path.Combine(folder, "spool"), concurrency, body);
            spool.Add(await load.RunAsync(WarmUp, Turn).ConfigureAwait(false));
            // A large message's body is in its own file: the limit has to write it as well.
            batch = size > 128 * KiB ? load.BatchOctets + (load.BatchMessages * size) : load.BatchOctets;
            raw.Add(new RawLog(Path.Combine(folder, "raw")).Run(batch, load.BatchMessages, Turn).Rate);
            files.Add(new OneFileEach(Path.Combine(folder, "files"), concurrency, body).Run(Turn).Rate);
        }

        double rate = spool.Average(result => result.Rate);
        RateResult typical = spool.OrderBy(result => result.Rate).ElementAt(Turns / 2);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"| {size / KiB,3} KiB | {concurrency,9} | {rate,11:0} | {100 * rate / raw.Average(),14:0} | {rate / files.Average(),10:0.0} | {typical.Latencies.Percentile(0.5).TotalMilliseconds,6:0.00} | "
            + $"{typical.Latencies.Percentile(0.99).TotalMilliseconds,6:0.00} | {typical.SyncsPerMessage,13:0.000} | {batch,12:0} | {typical.AllocatedPerMessage,17:0} |"));
    }
}
