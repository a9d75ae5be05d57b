using System.Net;
using System.Net.Sockets;

namespace Relay.Protocol.Message;

/// <summary>Puts a header field together in a buffer of the caller's. What doesn't fit is a bug of ours: it throws.</summary>
internal ref struct FieldBuffer(Span<byte> buffer)
{
    private readonly Span<byte> _buffer = buffer;
    private int _length;

    public readonly ReadOnlySpan<byte> Written => _buffer[.._length];

    public void Append(scoped ReadOnlySpan<byte> text)
    {
        text.CopyTo(_buffer[_length..]);
        _length += text.Length;
    }

    /// <summary>Text of our own configuration or of DNS: whatever isn't printable ASCII comes out as "?".</summary>
    public void Append(string text)
    {
        Span<byte> room = _buffer.Slice(_length, text.Length);
        for (int i = 0; i < room.Length; i++)
        {
            room[i] = text[i] is > ' ' and <= '~' ? (byte)text[i] : (byte)'?';
        }

        _length += text.Length;
    }

    public void Append(QueueId id)
    {
        id.TryFormat(_buffer.Slice(_length, QueueId.TextLength), out int written);
        _length += written;
    }

    public void Append(DateTimeOffset date)
    {
        MessageDate.Format(date, _buffer[_length..]);
        _length += MessageDate.TextLength;
    }

    /// <summary>An address literal (RFC 5321 §4.1.3). A v4-mapped address is the v4 address that it is; a zone means nothing outside this host.</summary>
    public void AppendLiteral(IPAddress address)
    {
        Span<byte> octets = stackalloc byte[16];
        address.TryWriteBytes(octets, out int count);
        if (address.AddressFamily == AddressFamily.InterNetworkV6 && !address.IsIPv4MappedToIPv6)
        {
            Append("[IPv6:"u8);
            Span<byte> text = stackalloc byte[64];
            address.TryFormat(text, out int length);
            int zone = text[..length].IndexOf((byte)'%');
            Append(text[..(zone < 0 ? length : zone)]);
        }
        else
        {
            Append("["u8);
            foreach (byte octet in octets[(count - 4)..count])
            {
                octet.TryFormat(_buffer[_length..], out int length, provider: System.Globalization.CultureInfo.InvariantCulture);
                _length += length;
                Append("."u8);
            }

            _length--;
        }

        Append("]"u8);
    }
}
