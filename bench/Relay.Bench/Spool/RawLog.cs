using System.Diagnostics;
using Relay.Spool;

namespace Relay.Bench.Spool;

/// <summary>The limit: the octets of one batch after the other written into a file that was zero-filled before, with one fdatasync for each, and nothing else.</summary>
internal sealed class RawLog(string path)
{
    private const int FileLength = 64 * 1024 * 1024;
    private const int Piece = 1024 * 1024;
    private const int Page = 4096;

    /// <summary>Batches of so many octets; each counts as so many messages.</summary>
    public RateResult Run(double batchOctets, double batchMessages, TimeSpan duration)
    {
        var disk = new CountingStorage();
        Disk.Check(disk.Open(path, OpenMode.CreateNew, out int file), path);
        byte[] bytes = new byte[Piece];
        for (long at = 0; at < FileLength; at += Piece)
        {
            Write(disk, file, bytes, at);
        }

        Disk.Check(disk.Sync(file), path);
        new Random(1).NextBytes(bytes);
        long batch = Math.Clamp(((long)batchOctets + Page - 1) & -Page, Page, FileLength);
        var latencies = new Latencies();
        long offset = 0;
        long batches = 0;
        long start = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(start) < duration)
        {
            if (offset + batch > FileLength)
            {
                offset = 0;
            }

            long began = Stopwatch.GetTimestamp();
            for (long written = 0; written < batch; written += Piece)
            {
                Write(disk, file, bytes.AsSpan(0, (int)Math.Min(Piece, batch - written)), offset + written);
            }

            Disk.Check(disk.Sync(file), path);
            latencies.Add(Stopwatch.GetTimestamp() - began);
            offset += batch;
            batches++;
        }

        TimeSpan elapsed = Stopwatch.GetElapsedTime(start);
        disk.Close(file);
        Disk.Check(disk.Unlink(path), path);
        return new RateResult((long)(batches * batchMessages), elapsed, batches, batches * batch, 0, latencies);
    }

    private static void Write(CountingStorage disk, int file, ReadOnlySpan<byte> bytes, long offset) => Disk.Check(Disk.WriteAll(disk, file, bytes, offset), "writing");
}
