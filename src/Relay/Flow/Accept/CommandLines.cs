using System.Buffers;
using System.Text;
using Relay.Protocol.Smtp;

namespace Relay.Flow.Accept;

/// <summary>
/// A session's command lines: one after the other out of the connection's buffer, each at most as long as allowed. A line that is too long is reported once and its rest
/// skipped as it comes, but not for ever. One per session; the line is valid until the next call. An idle session holds no buffer for it.
/// </summary>
internal sealed class CommandLines
{
    /// <summary>RFC 5321 §4.5.3.1.4 asks for 512; every extension's parameters lengthen the line. Longer ones are refused.</summary>
    private const int Limit = 2048;

    /// <summary>RFC 4954 §4: a response of AUTH may have 12,288 octets. What is longer and still fits is for the exchange to refuse.</summary>
    private const int ResponseLimit = 16 * 1024;

    /// <summary>How much of a line that is too long is read to find its end, before the client is taken for something else.</summary>
    private const int SkipLimit = 64 * 1024;

    /// <summary>For lines that lie in one piece: only the length counts, nothing is ever written to it.</summary>
    private static readonly byte[] Unused = new byte[Limit];

    private static readonly byte[] UnusedForResponse = new byte[ResponseLimit];

    private byte[]? _joined;

    /// <summary>How much of an overlong line has been skipped; -1 when none is being skipped.</summary>
    private int _skipped = -1;

    /// <summary>True when <see cref="TryRead"/> gave up on a line without an end: the session must close.</summary>
    public bool IsEndless => _skipped >= SkipLimit;

    /// <summary>The line that begins there is AUTH: the first response that may come with it is as long as any (RFC 4954 §4), and tokens are.</summary>
    public static bool IsAuth(in ReadOnlySequence<byte> buffer)
    {
        ReadOnlySpan<byte> verb = "AUTH "u8;
        if (buffer.FirstSpan.Length >= verb.Length)
        {
            return Ascii.EqualsIgnoreCase(buffer.FirstSpan[..verb.Length], verb);
        }

        if (buffer.Length < verb.Length)
        {
            return false;
        }

        Span<byte> start = stackalloc byte[5];
        buffer.Slice(0, start.Length).CopyTo(start);
        return Ascii.EqualsIgnoreCase(start, verb);
    }

    /// <summary><paramref name="response"/>: the line is a response of AUTH, or AUTH itself, which may be longer than other commands.</summary>
    public LineStatus TryRead(ref ReadOnlySequence<byte> buffer, bool response, out ReadOnlySpan<byte> line)
    {
        line = default;
        if (_skipped >= 0 && !Skip(ref buffer))
        {
            return LineStatus.NeedMoreData;
        }

        // Only a line that lies across two pieces of the connection's buffer has to be joined.
        byte[] scratch = !buffer.IsSingleSegment ? Join(response ? ResponseLimit : Limit) : response ? UnusedForResponse : Unused;
        LineStatus status = LineReader.TryRead(ref buffer, scratch, out line);
        if (status == LineStatus.TooLong)
        {
            _skipped = 0;
        }

        return status;
    }

    /// <summary>The last line has been used: what it needed is given back.</summary>
    public void Release()
    {
        if (_joined is { } joined)
        {
            _joined = null;
            ArrayPool<byte>.Shared.Return(joined);
        }
    }

    /// <summary>A buffer of exactly that length: both are powers of two, as the pool's are.</summary>
    private byte[] Join(int length)
    {
        if (_joined?.Length != length)
        {
            Release();
            _joined = ArrayPool<byte>.Shared.Rent(length);
        }

        return _joined!;
    }

    /// <summary>Finds the end of the line that has been refused already. False when it isn't there yet.</summary>
    private bool Skip(ref ReadOnlySequence<byte> buffer)
    {
        var reader = new SequenceReader<byte>(buffer);
        bool found = reader.TryAdvanceTo((byte)'\n', advancePastDelimiter: true);
        if (!found)
        {
            reader.AdvanceToEnd();
        }

        _skipped = found ? -1 : _skipped + (int)Math.Min(reader.Consumed, SkipLimit);
        buffer = buffer.Slice(reader.Position);
        return found;
    }
}
