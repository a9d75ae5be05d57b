using System.Buffers;

namespace Relay.Protocol.Smtp;

/// <summary>
/// Turns what follows DATA into the message (RFC 5321 §4.5.2): removes dot-stuffing and finds the end. The end is CRLF "." CRLF and nothing that looks like it; bare CR or LF is noted
/// and decoding goes on to the true end, or what follows would be taken for commands. The only decoder there is.
/// One per message, begun as <c>default</c>; resumes at any octet; one thread at a time. Keeps no reference to what it was given.
/// </summary>
public struct DataDecoder
{
    private LineScan _scan;
    private Dot _dot;

    /// <summary>How much of the end has been read.</summary>
    private enum Dot : byte
    {
        None = 0,

        /// <summary>A dot at the start of a line.</summary>
        Alone,

        /// <summary>And a CR behind it.</summary>
        AndCr,
    }

    /// <summary>A CR without LF or an LF without CR came somewhere.</summary>
    public readonly bool HasBareLineEnding => _scan.HasBareLineEnding;

    /// <summary>Some line of the decoded message begins with a dot: sending it by DATA will need dot-stuffing.</summary>
    public bool HasLeadingDot { get; private set; }

    /// <summary>Some octet of the message is above 127.</summary>
    public readonly bool HasEightBit => _scan.HasEightBit;

    /// <summary>Octets of the decoded message so far. The CRLF in front of the final dot belongs to the message.</summary>
    public long Length { get; private set; }

    /// <summary>Goes on counting and looking for the end, but writes nothing any more.</summary>
    public bool Discard { get; set; }

    /// <summary>
    /// Decodes all of <paramref name="buffer"/>, or up to the end of the data: <paramref name="consumed"/> says how far, and that is the buffer's end
    /// unless the answer is <see cref="DataStatus.Done"/>.
    /// </summary>
    public DataStatus Decode(in ReadOnlySequence<byte> buffer, IBufferWriter<byte> output, out SequencePosition consumed)
    {
        SequencePosition next = buffer.Start;
        SequencePosition segment = next;
        while (buffer.TryGet(ref next, out ReadOnlyMemory<byte> memory))
        {
            if (Decode(memory.Span, output, out int used))
            {
                consumed = buffer.GetPosition(used, segment);
                return DataStatus.Done;
            }

            segment = next;
        }

        consumed = buffer.End;
        return DataStatus.NeedMoreData;
    }

    private bool Decode(ReadOnlySpan<byte> text, IBufferWriter<byte> output, out int used)
    {
        int at = 0;
        while (at < text.Length)
        {
            switch (_dot)
            {
                case Dot.None:
                    int run = _scan.FindLeadingDot(text[at..]);
                    Write(text.Slice(at, run), output);
                    at += run;
                    if (at < text.Length)
                    {
                        at++;
                        _dot = Dot.Alone;
                    }

                    break;
                case Dot.Alone when text[at] == '\r':
                    at++;
                    _dot = Dot.AndCr;
                    break;
                case Dot.AndCr when text[at] == '\n':
                    used = at + 1;
                    return true;
                default:
                    // It was dot-stuffing: the dot goes, what follows it is text.
                    HasLeadingDot |= _dot == Dot.Alone && text[at] == '.';
                    _scan.Position = LinePosition.Inside;
                    if (_dot == Dot.AndCr)
                    {
                        _scan.HasBareLineEnding = true;
                        Write("\r"u8, output);
                    }

                    _dot = Dot.None;
                    break;
            }
        }

        used = at;
        return false;
    }

    private void Write(ReadOnlySpan<byte> text, IBufferWriter<byte> output)
    {
        Length += text.Length;
        while (!Discard && !text.IsEmpty)
        {
            Span<byte> room = output.GetSpan();
            ReadOnlySpan<byte> piece = text.Length <= room.Length ? text : text[..room.Length];
            piece.CopyTo(room);
            output.Advance(piece.Length);
            text = text[piece.Length..];
        }
    }
}
