using System.Buffers;
using Relay.Protocol.Smtp;

namespace Relay.Flow.Accept;

/// <summary>
/// A session's command lines: one after the other out of the connection's buffer, each at most as long as allowed. A line that is too long is reported once and its rest
/// skipped as it comes, but not for ever. One per session; the line is valid until the next call.
/// </summary>
internal sealed class CommandLines
{
    /// <summary>RFC 5321 §4.5.3.1.4 asks for 512; every extension's parameters lengthen the line. Longer ones are refused.</summary>
    private const int Limit = 2048;

    /// <summary>How much of a line that is too long is read to find its end, before the client is taken for something else.</summary>
    private const int SkipLimit = 64 * 1024;

    private readonly byte[] _scratch = new byte[Limit];

    /// <summary>How much of an overlong line has been skipped; -1 when none is being skipped.</summary>
    private int _skipped = -1;

    /// <summary>True when <see cref="TryRead"/> gave up on a line without an end: the session must close.</summary>
    public bool IsEndless => _skipped >= SkipLimit;

    public LineStatus TryRead(ref ReadOnlySequence<byte> buffer, out ReadOnlySpan<byte> line)
    {
        line = default;
        if (_skipped >= 0 && !Skip(ref buffer))
        {
            return LineStatus.NeedMoreData;
        }

        LineStatus status = LineReader.TryRead(ref buffer, _scratch, out line);
        if (status == LineStatus.TooLong)
        {
            _skipped = 0;
        }

        return status;
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
