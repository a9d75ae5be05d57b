using System.Buffers;

namespace Relay.Protocol.Smtp;

/// <summary>
/// Turns a message into what follows DATA (RFC 5321 §4.5.2): stuffs dots and adds the end. Lines end with CRLF only, as in <see cref="DataDecoder"/>: text with bare CR or LF
/// comes out as it is and is not to be stored in the first place. One per message; takes it in pieces of any size; one thread at a time.
/// </summary>
public struct DataEncoder
{
    private readonly bool _raw;
    private LineScan _scan;

    /// <summary><paramref name="raw"/>: no line of the message begins with a dot (<see cref="EnvelopeFlags.HasLeadingDot"/> is absent), so that the stored bytes are the wire form.</summary>
    public DataEncoder(bool raw) => _raw = raw;

    /// <summary>Writes a piece of the message.</summary>
    public void Write(ReadOnlySpan<byte> stored, IBufferWriter<byte> output)
    {
        if (_raw)
        {
            output.Write(stored);
            _scan.Skip(stored);
            return;
        }

        while (!stored.IsEmpty)
        {
            int run = _scan.FindLeadingDot(stored);
            if (run == stored.Length)
            {
                output.Write(stored);
                return;
            }

            // The dot itself leaves with the run; its twin begins the next one.
            output.Write(stored[..(run + 1)]);
            stored = stored[run..];
            _scan.Position = LinePosition.Inside;
        }
    }

    /// <summary>Ends the data: completes the last line if it isn't, then the final dot. An empty message has no last line.</summary>
    public readonly void Finish(IBufferWriter<byte> output) => output.Write(_scan.Position == LinePosition.Start ? ".\r\n"u8 : "\r\n.\r\n"u8);
}
