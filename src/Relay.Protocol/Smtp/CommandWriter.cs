using System.Buffers;
using System.Buffers.Text;

namespace Relay.Protocol.Smtp;

/// <summary>
/// Writes the commands we send as a client: each is one line with one CRLF. Addresses and names have passed a parser long before; a CR, LF or NUL in one of them here is a bug that
/// would let its author speak to the server, and throws <see cref="InvalidOperationException"/> before anything is written. Stateless; any thread.
/// </summary>
public static class CommandWriter
{
    public static void Ehlo(IBufferWriter<byte> output, string host) => WithHost(output, "EHLO "u8, host);

    public static void Helo(IBufferWriter<byte> output, string host) => WithHost(output, "HELO "u8, host);

    /// <summary>EHLO's place in LMTP (RFC 2033 §4.1).</summary>
    public static void Lhlo(IBufferWriter<byte> output, string host) => WithHost(output, "LHLO "u8, host);

    /// <summary>AUTH with its first response (RFC 4954 §4), which is sent in base64; null sends none, and asks for the server's first word.</summary>
    public static void Auth(IBufferWriter<byte> output, ReadOnlySpan<byte> mechanism, byte[]? initialResponse)
    {
        output.Write("AUTH "u8);
        output.Write(mechanism);
        if (initialResponse is null)
        {
            output.Write("\r\n"u8);
            return;
        }

        // RFC 4954 §4: "=" is an empty response.
        output.Write(initialResponse.Length == 0 ? " ="u8 : " "u8);
        AuthResponse(output, initialResponse);
    }

    /// <summary>The answer to a 334, in base64.</summary>
    public static void AuthResponse(IBufferWriter<byte> output, ReadOnlySpan<byte> response)
    {
        Span<byte> text = output.GetSpan(Base64.GetMaxEncodedToUtf8Length(response.Length));
        Base64.EncodeToUtf8(response, text, out _, out int written);
        output.Advance(written);
        output.Write("\r\n"u8);
    }

    /// <summary>Gives an exchange up that AUTH began.</summary>
    public static void AuthCancel(IBufferWriter<byte> output) => output.Write("*\r\n"u8);

    public static void StartTls(IBufferWriter<byte> output) => output.Write("STARTTLS\r\n"u8);

    public static void Data(IBufferWriter<byte> output) => output.Write("DATA\r\n"u8);

    public static void Rset(IBufferWriter<byte> output) => output.Write("RSET\r\n"u8);

    public static void Quit(IBufferWriter<byte> output) => output.Write("QUIT\r\n"u8);

    /// <summary>A chunk (RFC 3030 §2): so many octets follow the command at once.</summary>
    public static void Bdat(IBufferWriter<byte> output, long octets, bool last)
    {
        output.Write("BDAT "u8);
        WriteNumber(output, octets);
        output.Write(last ? " LAST\r\n"u8 : "\r\n"u8);
    }

    /// <summary>MAIL. An empty <paramref name="reversePath"/> is the null one.</summary>
    public static void Mail(IBufferWriter<byte> output, ReadOnlySpan<byte> reversePath, in MailArguments arguments = default)
    {
        ThrowIfBroken(reversePath);
        if (!XText.IsValid(arguments.EnvelopeId))
        {
            throw new InvalidOperationException("The envelope's id isn't xtext.");
        }

        bool hasSubmitter = !arguments.Submitter.IsEmpty;
        if (hasSubmitter && !arguments.Submitter.SequenceEqual("<>"u8) && !XText.IsValid(arguments.Submitter))
        {
            throw new InvalidOperationException("The submitter isn't xtext.");
        }

        output.Write("MAIL FROM:<"u8);
        output.Write(reversePath);
        output.Write(">"u8);
        if (arguments.Size is { } size)
        {
            output.Write(" SIZE="u8);
            WriteNumber(output, size);
        }

        output.Write(arguments.Body switch
        {
            BodyType.SevenBit => " BODY=7BIT"u8,
            BodyType.EightBitMime => " BODY=8BITMIME"u8,
            BodyType.BinaryMime => " BODY=BINARYMIME"u8,
            _ => [],
        });
        output.Write(arguments.SmtpUtf8 ? " SMTPUTF8"u8 : []);
        output.Write(arguments.RequireTls ? " REQUIRETLS"u8 : []);
        output.Write(arguments.Return switch
        {
            DsnReturn.Full => " RET=FULL"u8,
            DsnReturn.Headers => " RET=HDRS"u8,
            _ => [],
        });
        if (!arguments.EnvelopeId.IsEmpty)
        {
            output.Write(" ENVID="u8);
            output.Write(arguments.EnvelopeId);
        }

        if (arguments.DeliverBy.Mode != DeliverByMode.None)
        {
            output.Write(" BY="u8);
            WriteNumber(output, arguments.DeliverBy.Seconds);
            output.Write(arguments.DeliverBy.Mode == DeliverByMode.Return ? ";R"u8 : ";N"u8);
            output.Write(arguments.DeliverBy.Trace ? "T"u8 : []);
        }

        if (arguments.Priority != 0)
        {
            output.Write(" MT-PRIORITY="u8);
            WriteNumber(output, arguments.Priority);
        }

        if (hasSubmitter)
        {
            output.Write(" AUTH="u8);
            output.Write(arguments.Submitter);
        }

        output.Write("\r\n"u8);
    }

    /// <summary>RCPT. <paramref name="originalRecipient"/> is ORCPT as it came, "type;xtext" (RFC 3461 §4.2); it and <paramref name="notify"/> only for a server with DSN.</summary>
    public static void Rcpt(IBufferWriter<byte> output, ReadOnlySpan<byte> forwardPath, DsnNotify notify = DsnNotify.Unspecified, ReadOnlySpan<byte> originalRecipient = default)
    {
        ThrowIfBroken(forwardPath);
        if (originalRecipient.IndexOfAny((byte)' ', (byte)'\r', (byte)'\n') >= 0)
        {
            throw new InvalidOperationException("The original recipient holds what would end the parameter.");
        }

        output.Write("RCPT TO:<"u8);
        output.Write(forwardPath);
        output.Write(">"u8);
        if (notify != DsnNotify.Unspecified)
        {
            output.Write(" NOTIFY="u8);
            output.Write(notify switch
            {
                DsnNotify.Never => "NEVER"u8,
                DsnNotify.Success => "SUCCESS"u8,
                DsnNotify.Failure => "FAILURE"u8,
                DsnNotify.Delay => "DELAY"u8,
                DsnNotify.Success | DsnNotify.Failure => "SUCCESS,FAILURE"u8,
                DsnNotify.Success | DsnNotify.Delay => "SUCCESS,DELAY"u8,
                DsnNotify.Failure | DsnNotify.Delay => "FAILURE,DELAY"u8,
                _ => "SUCCESS,FAILURE,DELAY"u8,
            });
        }

        if (!originalRecipient.IsEmpty)
        {
            output.Write(" ORCPT="u8);
            output.Write(originalRecipient);
        }

        output.Write("\r\n"u8);
    }

    private static void WriteNumber(IBufferWriter<byte> output, long number)
    {
        Span<byte> digits = stackalloc byte[20];
        Utf8Formatter.TryFormat(number, digits, out int length);
        output.Write(digits[..length]);
    }

    private static void WithHost(IBufferWriter<byte> output, ReadOnlySpan<byte> verb, string host)
    {
        if (host.Length is 0 or > Domain.MaximumLength)
        {
            throw new InvalidOperationException("The host's name is empty or too long.");
        }

        Span<byte> name = stackalloc byte[Domain.MaximumLength];
        for (int i = 0; i < host.Length; i++)
        {
            name[i] = host[i] is > ' ' and <= '~' ? (byte)host[i] : throw new InvalidOperationException("The host's name holds what no command may hold.");
        }

        output.Write(verb);
        output.Write(name[..host.Length]);
        output.Write("\r\n"u8);
    }

    private static void ThrowIfBroken(ReadOnlySpan<byte> path)
    {
        if (path.IndexOfAny((byte)'\r', (byte)'\n', (byte)0) >= 0)
        {
            throw new InvalidOperationException("An address holds CR, LF or NUL.");
        }
    }
}
