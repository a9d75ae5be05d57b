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

    public static void StartTls(IBufferWriter<byte> output) => output.Write("STARTTLS\r\n"u8);

    public static void Data(IBufferWriter<byte> output) => output.Write("DATA\r\n"u8);

    public static void Rset(IBufferWriter<byte> output) => output.Write("RSET\r\n"u8);

    public static void Quit(IBufferWriter<byte> output) => output.Write("QUIT\r\n"u8);

    /// <summary>
    /// MAIL. An empty <paramref name="reversePath"/> is the null one. <paramref name="size"/> is the message's octets, -1 to say nothing, as toward a server that doesn't offer SIZE;
    /// <paramref name="body"/> likewise with <see cref="BodyType.Unspecified"/>. <paramref name="smtpUtf8"/> only toward a server that offers it (RFC 6531 §3.4).
    /// </summary>
    public static void Mail(IBufferWriter<byte> output, ReadOnlySpan<byte> reversePath, long size = -1, BodyType body = BodyType.Unspecified, bool smtpUtf8 = false)
    {
        ThrowIfBroken(reversePath);
        output.Write("MAIL FROM:<"u8);
        output.Write(reversePath);
        output.Write(">"u8);
        if (size >= 0)
        {
            output.Write(" SIZE="u8);
            Span<byte> digits = stackalloc byte[20];
            Utf8Formatter.TryFormat(size, digits, out int length);
            output.Write(digits[..length]);
        }

        output.Write(body switch
        {
            BodyType.SevenBit => " BODY=7BIT"u8,
            BodyType.EightBitMime => " BODY=8BITMIME"u8,
            BodyType.BinaryMime => " BODY=BINARYMIME"u8,
            _ => [],
        });
        output.Write(smtpUtf8 ? " SMTPUTF8\r\n"u8 : "\r\n"u8);
    }

    public static void Rcpt(IBufferWriter<byte> output, ReadOnlySpan<byte> forwardPath)
    {
        ThrowIfBroken(forwardPath);
        output.Write("RCPT TO:<"u8);
        output.Write(forwardPath);
        output.Write(">\r\n"u8);
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
