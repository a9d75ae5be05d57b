using System.Buffers;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Relay.Telemetry;

/// <summary>
/// One file of the delivery log, for reading: the one that is written, or one that was rotated. Its lines begin with their time and are in the order of their times, but for some that lag behind. One thread at a time.
/// </summary>
internal sealed class LogPart : IDisposable
{
    /// <summary>A time as it stands in a line, which sorts as text does.</summary>
    public const int TimeLength = 24;

    // Some twenty lines: all of them will hardly lag behind.
    private const int Probe = 8 * 1024;

    private readonly SafeFileHandle _file;

    private LogPart(SafeFileHandle file, byte[] first)
    {
        _file = file;
        First = first;
        Length = RandomAccess.GetLength(file);
    }

    /// <summary>The time of the first line.</summary>
    public byte[] First { get; }

    public long Length { get; }

    private static ReadOnlySpan<byte> Head => "{\"time\":\""u8;

    /// <summary>Null when it can't be read, or doesn't begin with a line of the log.</summary>
    public static async Task<LogPart?> OpenAsync(string path, CancellationToken cancel)
    {
        SafeFileHandle? file = null;
        try
        {
            file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            byte[] start = new byte[Head.Length + TimeLength];
            int read = await RandomAccess.ReadAsync(file, start, 0, cancel).ConfigureAwait(false);
            if (read == start.Length && start.AsSpan().StartsWith(Head))
            {
                var part = new LogPart(file, start[Head.Length..]);
                file = null;
                return part;
            }

            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
        finally
        {
            file?.Dispose();
        }
    }

    public static byte[] TimeOf(DateTimeOffset time) => Encoding.ASCII.GetBytes(time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", System.Globalization.CultureInfo.InvariantCulture));

    public ValueTask<int> ReadAsync(Memory<byte> into, long at, CancellationToken cancel) => RandomAccess.ReadAsync(_file, into, at, cancel);

    /// <summary>The start of a line before which nothing is as young as a time, about: in steps of a probe, and as far as what lags behind doesn't fill one.</summary>
    public async Task<long> SeekAsync(byte[] time, CancellationToken cancel)
    {
        byte[] probe = ArrayPool<byte>.Shared.Rent(Probe);
        long low = 0;
        long high = Length;
        // Everything before low is older. What low is, a line's start, was found in a probe.
        while (high - low > Probe)
        {
            long middle = low + ((high - low) / 2);
            int read = await ReadAsync(probe.AsMemory(0, Probe), middle, cancel).ConfigureAwait(false);
            if (IsOlder(probe.AsSpan(0, read), time, out int end))
            {
                low = middle + end;
            }
            else
            {
                high = middle;
            }
        }

        ArrayPool<byte>.Shared.Return(probe);
        return low;
    }

    public void Dispose() => _file.Dispose();

    /// <summary>Whether all whole lines in some octets are older than a time; and where the last of them ends. Without a whole line they are not.</summary>
    private static bool IsOlder(ReadOnlySpan<byte> octets, ReadOnlySpan<byte> time, out int end)
    {
        end = octets.LastIndexOf((byte)'\n') + 1;
        bool any = false;
        int at = octets.IndexOf((byte)'\n') + 1;
        while (at < end)
        {
            ReadOnlySpan<byte> line = octets[at..end];
            if (line.StartsWith(Head) && line.Length >= Head.Length + TimeLength)
            {
                any = true;
                if (line.Slice(Head.Length, TimeLength).SequenceCompareTo(time) >= 0)
                {
                    return false;
                }
            }

            at += line.IndexOf((byte)'\n') + 1;
        }

        return any;
    }
}
