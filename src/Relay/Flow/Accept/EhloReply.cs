using System.Buffers;
using System.Globalization;
using System.Text;
using Relay.Protocol.Smtp;

namespace Relay.Flow.Accept;

/// <summary>
/// The reply to EHLO (RFC 5321 §4.1.1.1): a line for each extension that is offered to this client now. The lines are made once; writing allocates nothing. Immutable; any thread.
/// </summary>
internal sealed class EhloReply
{
    private readonly byte[] _first;
    private readonly (Extensions Extension, byte[] Line)[] _lines;

    public EhloReply(string hostname, LimitOptions limits)
    {
        _first = Line(hostname);
        _lines =
        [
            (Extensions.Pipelining, Line("PIPELINING")),
            (Extensions.Size, Line(string.Create(CultureInfo.InvariantCulture, $"SIZE {limits.MessageSize}"))),
            (Extensions.EightBitMime, Line("8BITMIME")),
            (Extensions.StartTls, Line("STARTTLS")),
        ];
    }

    public void Write(IBufferWriter<byte> output, Extensions offered)
    {
        output.Write(_first);
        foreach ((Extensions extension, byte[] line) in _lines)
        {
            if ((offered & extension) != 0)
            {
                output.Write(line);
            }
        }

        // Always there, so it can be the line that ends the reply.
        output.Write("250 ENHANCEDSTATUSCODES\r\n"u8);
    }

    private static byte[] Line(string text) => Encoding.ASCII.GetBytes($"250-{text}\r\n");
}
