using System.Buffers;
using System.Text;
using Relay.Protocol.Message;

namespace Relay.Telemetry;

/// <summary>
/// Finds a message's lines in the delivery log and its rotated neighbours (those not compressed), without an index: a binary search for the time of its arrival, from there forward until all is found that there can be. How much is
/// read is bounded: behind the first part, only what follows the times of attempts that were announced. Any thread.
/// </summary>
internal static class DeliveryLogReader
{
    private const int MostParts = 64;
    private const int ChunkLength = 1024 * 1024;

    /// <summary>Read from the arrival on, at most…</summary>
    private const long MostAtFirst = 48 * 1024 * 1024;

    /// <summary>…and from each announced attempt on, and in all.</summary>
    private const long MostBehindJump = 8 * 1024 * 1024;
    private const long MostInAll = 96 * 1024 * 1024;

    /// <summary>What came at one time isn't written in the same order: a report may have to be stored first.</summary>
    private static readonly TimeSpan Slack = TimeSpan.FromSeconds(1);

    private static readonly string[] Compressed = [".gz", ".xz", ".bz2", ".zst"];

    /// <summary>
    /// <paramref name="arrived"/>: not younger than its first line. <paramref name="waiting"/>: as <see cref="TracedMessage"/> wants it.
    /// Throws IOException when there is no log to be read.
    /// </summary>
    public static async Task<DeliveryTrace> ReadAsync(string path, QueueId id, DateTimeOffset arrived, IReadOnlyDictionary<string, int>? waiting, CancellationToken cancel)
    {
        List<LogPart> parts = await OpenAsync(path, cancel).ConfigureAwait(false);
        try
        {
            return await ReadAsync(parts, id, arrived, waiting, cancel).ConfigureAwait(false);
        }
        finally
        {
            parts.ForEach(static p => p.Dispose());
        }
    }

    private static async Task<List<LogPart>> OpenAsync(string path, CancellationToken cancel)
    {
        string name = Path.GetFileName(path);
        var parts = new List<LogPart>();
        IEnumerable<FileInfo> files = new DirectoryInfo(Path.GetDirectoryName(Path.GetFullPath(path))!).EnumerateFiles(name + "*")
            .Where(f => f.Name.Length == name.Length || (f.Name[name.Length] is '.' or '-' && !Compressed.Contains(f.Extension)))
            .OrderByDescending(static f => f.LastWriteTimeUtc).Take(MostParts);
        foreach (FileInfo file in files)
        {
            if (await LogPart.OpenAsync(file.FullName, cancel).ConfigureAwait(false) is { } part)
            {
                parts.Add(part);
            }
        }

        parts.Sort(static (x, y) => x.First.AsSpan().SequenceCompareTo(y.First));
        return parts;
    }

    private static async Task<DeliveryTrace> ReadAsync(List<LogPart> parts, QueueId id, DateTimeOffset arrived, IReadOnlyDictionary<string, int>? waiting, CancellationToken cancel)
    {
        var found = new TracedMessage(waiting);
        byte[] wanted = Encoding.ASCII.GetBytes(id.ToString());
        (int Part, long At) place = await SeekAsync(parts, arrived - Slack, cancel).ConfigureAwait(false);
        long left = MostInAll;
        bool leftOut = false;
        for (long most = MostAtFirst; ; most = MostBehindJump)
        {
            long budget = Math.Min(left, most);
            left -= budget;
            (place, budget) = await ScanAsync(parts, place, budget, wanted, found, cancel).ConfigureAwait(false);
            left += budget;
            if (found.IsWhole || place.Part >= parts.Count)
            {
                return new DeliveryTrace(found.Events, !leftOut);
            }

            if (found.Next is not { } next || left <= 0 || await SeekAsync(parts, next - Slack, cancel).ConfigureAwait(false) is var jump && jump.CompareTo(place) <= 0)
            {
                return new DeliveryTrace(found.Events, IsComplete: false);
            }

            // An operator may have had it tried before, and only the log knows.
            leftOut = true;
            place = jump;
        }
    }

    private static async Task<(int Part, long At)> SeekAsync(List<LogPart> parts, DateTimeOffset time, CancellationToken cancel)
    {
        byte[] text = LogPart.TimeOf(time);
        int part = Math.Max(0, parts.FindLastIndex(p => p.First.AsSpan().SequenceCompareTo(text) <= 0));
        return (part, parts.Count == 0 ? 0 : await parts[part].SeekAsync(text, cancel).ConfigureAwait(false));
    }

    /// <summary>Reads on until it knows all, or has read as much as it may. Gives the place behind what was read, and what is left of the budget.</summary>
    private static async Task<((int Part, long At) Place, long Left)> ScanAsync(List<LogPart> parts, (int Part, long At) place, long budget, byte[] wanted, TracedMessage found, CancellationToken cancel)
    {
        byte[] chunk = ArrayPool<byte>.Shared.Rent(ChunkLength);
        try
        {
            while (budget > 0 && place.Part < parts.Count && !found.IsWhole)
            {
                int read = await parts[place.Part].ReadAsync(chunk.AsMemory(0, ChunkLength), place.At, cancel).ConfigureAwait(false);
                int end = chunk.AsSpan(0, read).LastIndexOf((byte)'\n') + 1;
                if (end == 0)
                {
                    place = (place.Part + 1, 0);
                    continue;
                }

                Find(chunk.AsSpan(0, end), wanted, found);
                budget -= end;
                place.At += end;
            }

            return (place, Math.Max(0, budget));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(chunk);
        }
    }

    /// <summary>The id may stand elsewhere in a line too, in what a server said.</summary>
    private static void Find(ReadOnlySpan<byte> lines, ReadOnlySpan<byte> wanted, TracedMessage found)
    {
        int at = 0;
        while (!found.IsWhole && lines[at..].IndexOf(wanted) is var hit and >= 0)
        {
            hit += at;
            int start = lines[..hit].LastIndexOf((byte)'\n') + 1;
            int end = hit + lines[hit..].IndexOf((byte)'\n');
            if (lines[start..hit].EndsWith("\"id\":\""u8) && lines[start..hit].IndexOf("\"id\":\""u8) == hit - start - 6)
            {
                found.Add(lines[start..end]);
            }

            at = end + 1;
        }
    }
}
