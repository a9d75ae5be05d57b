using System.Buffers;

namespace Relay.Protocol.Milter;

/// <summary>Makes lines that end with CRLF of a body that a milter sends in pieces of any size, whichever way it ends its lines (LF, CRLF, CR). Begun as <c>default</c>; one per body; one thread at a time.</summary>
public struct MilterBodyLines
{
    private bool _isAfterCr;
    private bool _isInLine;

    public void Write(IBufferWriter<byte> output, ReadOnlySpan<byte> text)
    {
        while (!text.IsEmpty)
        {
            if (_isAfterCr)
            {
                EndLine(output);
                text = text[0] == '\n' ? text[1..] : text;
                continue;
            }

            int end = text.IndexOfAny((byte)'\r', (byte)'\n');
            ReadOnlySpan<byte> run = end < 0 ? text : text[..end];
            output.Write(run);
            _isInLine |= !run.IsEmpty;
            if (end < 0)
            {
                return;
            }

            if (text[end] == '\r')
            {
                _isAfterCr = true;
            }
            else
            {
                EndLine(output);
            }

            text = text[(end + 1)..];
        }
    }

    /// <summary>The body has ended: so has its last line.</summary>
    public void End(IBufferWriter<byte> output)
    {
        if (_isAfterCr || _isInLine)
        {
            EndLine(output);
        }
    }

    private void EndLine(IBufferWriter<byte> output)
    {
        output.Write("\r\n"u8);
        _isAfterCr = false;
        _isInLine = false;
    }
}
