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
    private readonly TimeSpan _maximumHold;

    public EhloReply(EngineOptions options)
    {
        _maximumHold = options.Smtp.MaximumHold;
        _first = Line(options.Hostname);
        _lines =
        [
            (Extensions.Pipelining, Line("PIPELINING")),
            (Extensions.Size, Encoding.ASCII.GetBytes("250-SIZE ")),
            (Extensions.EightBitMime, Line("8BITMIME")),
            (Extensions.SmtpUtf8, Line("SMTPUTF8")),
            (Extensions.Chunking, Line("CHUNKING")),
            (Extensions.BinaryMime, Line("BINARYMIME")),
            (Extensions.StartTls, Line("STARTTLS")),
            (Extensions.RequireTls, Line("REQUIRETLS")),
            (Extensions.Auth, Encoding.ASCII.GetBytes("250-AUTH ")),
            (Extensions.Dsn, Line("DSN")),
            (Extensions.DeliverBy, Line("DELIVERBY")),
            (Extensions.MtPriority, Line("MT-PRIORITY")),
            (Extensions.Limits, Line(string.Create(CultureInfo.InvariantCulture, $"LIMITS RCPTMAX={options.Limits.Recipients}"))),
            (Extensions.XClient, Line("XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT")),
        ];
    }

    /// <summary><paramref name="size"/>: octets that a message of this client may have. <paramref name="mechanisms"/> stand behind AUTH where that is offered.</summary>
    public void Write(IBufferWriter<byte> output, Extensions offered, long size, ReadOnlySpan<byte> mechanisms, DateTimeOffset now)
    {
        output.Write(_first);
        foreach ((Extensions extension, byte[] line) in _lines)
        {
            if ((offered & extension) != 0)
            {
                output.Write(line);
                if (extension == Extensions.Size)
                {
                    Write(output, size);
                    output.Write("\r\n"u8);
                }
                else if (extension == Extensions.Auth)
                {
                    output.Write(mechanisms);
                    output.Write((offered & Extensions.AuthExternal) != 0 ? " EXTERNAL\r\n"u8 : "\r\n"u8);
                }
            }
        }

        if ((offered & Extensions.FutureRelease) != 0)
        {
            WriteHold(output, now);
        }

        // Always there, so it can be the line that ends the reply.
        output.Write("250 ENHANCEDSTATUSCODES\r\n"u8);
    }

    /// <summary>RFC 4865 §3: the longest hold in seconds, and as the date on which it would end.</summary>
    private void WriteHold(IBufferWriter<byte> output, DateTimeOffset now)
    {
        output.Write("250-FUTURERELEASE "u8);
        Write(output, (long)_maximumHold.TotalSeconds);
        output.Write(" "u8);
        (now + _maximumHold).UtcDateTime.TryFormat(output.GetSpan(20), out int length, "yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
        output.Advance(length);
        output.Write("\r\n"u8);
    }

    private static void Write(IBufferWriter<byte> output, long number)
    {
        number.TryFormat(output.GetSpan(20), out int length, default, CultureInfo.InvariantCulture);
        output.Advance(length);
    }

    private static byte[] Line(string text) => Encoding.ASCII.GetBytes($"250-{text}\r\n");
}
