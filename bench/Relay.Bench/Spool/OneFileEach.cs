using System.Diagnostics;
using System.Globalization;
using Relay.Spool;

namespace Relay.Bench.Spool;

/// <summary>
/// The traditional way: each message is a file, written and synced, then its folder is synced. So many threads at a time; each unlinks its message when it is durable, as a
/// delivery would.
/// </summary>
internal sealed class OneFileEach(string folder, int concurrency, byte[] body)
{
    public RateResult Run(TimeSpan duration)
    {
        var disk = new CountingStorage();
        Disk.Check(disk.CreateDirectory(folder), folder);
        Disk.Check(disk.OpenDirectory(folder, out int names), folder);
        var latencies = new Latencies();
        long messages = 0;
        long start = Stopwatch.GetTimestamp();
        Thread[] threads = [.. Enumerable.Range(0, concurrency).Select(worker => new Thread(() =>
        {
            for (int i = 0; Stopwatch.GetElapsedTime(start) < duration; i++)
            {
                string path = Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{worker}-{i}"));
                long began = Stopwatch.GetTimestamp();
                Disk.Check(disk.Open(path, OpenMode.CreateNew, out int file), path);
                Disk.Check(Disk.WriteAll(disk, file, body, 0), path);
                Disk.Check(disk.Sync(file), path);
                Disk.Check(disk.SyncDirectory(names), folder);
                latencies.Add(Stopwatch.GetTimestamp() - began);
                Interlocked.Increment(ref messages);
                disk.Close(file);
                Disk.Check(disk.Unlink(path), path);
            }
        }))];
        foreach (Thread thread in threads)
        {
            thread.Start();
        }

        foreach (Thread thread in threads)
        {
            thread.Join();
        }

        TimeSpan elapsed = Stopwatch.GetElapsedTime(start);
        disk.Close(names);
        Directory.Delete(folder);
        return new RateResult(messages, elapsed, disk.Syncs, messages * body.Length, 0, latencies);
    }
}
