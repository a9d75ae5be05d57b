using System.Buffers;
using System.Buffers.Binary;
using System.Net;

namespace Relay.Protocol.Smtp;

/// <summary>
/// Reads the header of the PROXY protocol, version 1 (text) or 2 (binary), that a trusted proxy sends before anything else (haproxy's proxy-protocol.txt, §2). Consumes nothing unless it
/// is done, and never waits for more than the header's own length. Nothing but stream connections is taken. Stateless; any thread.
/// </summary>
public static class ProxyHeader
{
    /// <summary>The longest header of version 1, its CRLF included.</summary>
    private const int MaximumTextLength = 107;

    /// <summary>Addresses and TLVs of version 2: the standard allows 65,535, but no proxy comes near this.</summary>
    private const int MaximumBinaryLength = 4096;

    private const int FixedLength = 16;
    private const int UnixAddresses = 216;

    private static readonly SearchValues<byte> IPv6Octets = SearchValues.Create(".0123456789:ABCDEFabcdef"u8);

    private static ReadOnlySpan<byte> Prefix => "PROXY "u8;

    private static ReadOnlySpan<byte> Signature => "\r\n\r\n\0\r\nQUIT\n"u8;

    /// <summary>Takes a header off the front of <paramref name="buffer"/>. What follows it is left there.</summary>
    public static ProxyStatus TryRead(ref ReadOnlySequence<byte> buffer, out ProxyInfo info)
    {
        info = default;
        Span<byte> copy = stackalloc byte[FixedLength + UnixAddresses];
        int length = (int)Math.Min(buffer.Length, copy.Length);
        buffer.Slice(0, length).CopyTo(copy);
        ReadOnlySpan<byte> head = copy[..length];
        bool binary = length > 0 && head[0] == Signature[0];
        ReadOnlySpan<byte> begin = binary ? Signature : Prefix;
        int known = Math.Min(begin.Length, length);
        if (!head[..known].SequenceEqual(begin[..known]))
        {
            return ProxyStatus.Malformed;
        }

        if (known < begin.Length)
        {
            return ProxyStatus.NeedMoreData;
        }

        int used;
        ProxyStatus status = binary ? ReadBinary(head, buffer.Length, out used, out info) : ReadText(head, out used, out info);
        if (status == ProxyStatus.Done)
        {
            buffer = buffer.Slice(used);
        }

        return status;
    }

    /// <summary><c>PROXY TCP4 192.0.2.1 192.0.2.2 56324 25</c> and CRLF; TCP6; or UNKNOWN, behind which anything may stand.</summary>
    private static ProxyStatus ReadText(ReadOnlySpan<byte> head, out int used, out ProxyInfo info)
    {
        info = default;
        used = 0;
        head = head[..Math.Min(head.Length, MaximumTextLength)];
        int end = head.IndexOfAny((byte)'\r', (byte)'\n');
        if (end < 0 || (head[end] == '\r' && end + 1 == head.Length))
        {
            return head.Length == MaximumTextLength ? ProxyStatus.Malformed : ProxyStatus.NeedMoreData;
        }

        if (head[end] != '\r' || head[end + 1] != '\n')
        {
            return ProxyStatus.Malformed;
        }

        used = end + 2;
        ReadOnlySpan<byte> text = head[Prefix.Length..end];
        ReadOnlySpan<byte> family = Word(ref text);
        if (family.SequenceEqual("UNKNOWN"u8))
        {
            return ProxyStatus.Done;
        }

        bool v6 = family.SequenceEqual("TCP6"u8);
        if ((v6 || family.SequenceEqual("TCP4"u8)) &&
            TryAddress(Word(ref text), v6, out IPAddress? source) && TryAddress(Word(ref text), v6, out IPAddress? destination) &&
            TryPort(Word(ref text), out int sourcePort) && TryPort(text, out int destinationPort))
        {
            info = new ProxyInfo(false, new IPEndPoint(source!, sourcePort), new IPEndPoint(destination!, destinationPort));
            return ProxyStatus.Done;
        }

        return ProxyStatus.Malformed;
    }

    /// <summary>Signature (12 octets), version and command, family and transport, length (2), addresses, and TLVs that are skipped.</summary>
    private static ProxyStatus ReadBinary(ReadOnlySpan<byte> head, long available, out int used, out ProxyInfo info)
    {
        info = default;
        used = 0;
        // Each octet is judged as soon as it is there: nobody waits for the rest of what can't be a header.
        if (head.Length > 12 && head[12] is not (0x20 or 0x21))
        {
            return ProxyStatus.Malformed;
        }

        if (head.Length < FixedLength)
        {
            return ProxyStatus.NeedMoreData;
        }

        bool local = head[12] == 0x20;
        byte family = head[13];
        int length = BinaryPrimitives.ReadUInt16BigEndian(head[14..]);
        int least = (local, family) switch
        {
            (true, _) or (_, 0x00) => 0,
            (_, 0x11) => 12,
            (_, 0x21) => 36,
            (_, 0x31) => UnixAddresses,
            _ => int.MaxValue,
        };
        if (length > MaximumBinaryLength || length < least)
        {
            return ProxyStatus.Malformed;
        }

        used = FixedLength + length;
        if (available < used)
        {
            return ProxyStatus.NeedMoreData;
        }

        info = new ProxyInfo(local, null, null);
        if (!local && family is 0x11 or 0x21)
        {
            int size = family == 0x11 ? 4 : 16;
            ReadOnlySpan<byte> addresses = head[FixedLength..];
            ReadOnlySpan<byte> ports = addresses[(2 * size)..];
            info = new ProxyInfo(false,
                new IPEndPoint(new IPAddress(addresses[..size]), BinaryPrimitives.ReadUInt16BigEndian(ports)),
                new IPEndPoint(new IPAddress(addresses.Slice(size, size)), BinaryPrimitives.ReadUInt16BigEndian(ports[2..])));
        }

        return ProxyStatus.Done;
    }

    /// <summary>Takes a word and the one space behind it off <paramref name="text"/>.</summary>
    private static ReadOnlySpan<byte> Word(ref ReadOnlySpan<byte> text)
    {
        int space = text.IndexOf((byte)' ');
        ReadOnlySpan<byte> word = space < 0 ? text : text[..space];
        text = space < 0 ? default : text[(space + 1)..];
        return word;
    }

    // The library alone would take octal numbers, missing parts, zones and brackets.
    internal static bool TryAddress(ReadOnlySpan<byte> text, bool v6, out IPAddress? address)
    {
        address = null;
        return (v6 ? text.Contains((byte)':') && !text.ContainsAnyExcept(IPv6Octets) : AddressLiteral.IsIPv4(text)) && IPAddress.TryParse(text, out address);
    }

    internal static bool TryPort(ReadOnlySpan<byte> text, out int port)
    {
        bool valid = Number.TryParse(text, out long number) && number <= ushort.MaxValue && text is not [(byte)'0', _, ..];
        port = valid ? (int)number : 0;
        return valid;
    }
}
