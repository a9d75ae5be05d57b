using System.Buffers;
using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Relay.Protocol.Milter;

/// <summary>Writes the data of commands to a milter. NUL ends each text, so none may hold one. Stateless; any thread.</summary>
public static class MilterWriter
{
    public static void Negotiate(IBufferWriter<byte> output, in MilterNegotiation offer)
    {
        Span<byte> data = stackalloc byte[12];
        BinaryPrimitives.WriteUInt32BigEndian(data, offer.Version);
        BinaryPrimitives.WriteUInt32BigEndian(data[4..], (uint)offer.Actions);
        BinaryPrimitives.WriteUInt32BigEndian(data[8..], (uint)offer.Steps);
        MilterPacket.Write(output, MilterCommand.Negotiate, data);
    }

    /// <summary>The client's name, family ('4', '6'; 'U': nothing is known), port and address as the data of <see cref="MilterCommand.Connect"/>.</summary>
    public static void ConnectData(IBufferWriter<byte> data, string name, IPEndPoint? client)
    {
        Text(data, name);
        if (client is null || client.Address.Equals(IPAddress.None))
        {
            data.Write("U"u8);
            return;
        }

        bool isV4 = client.Address.AddressFamily == AddressFamily.InterNetwork;
        Span<byte> family = data.GetSpan(3);
        family[0] = isV4 ? (byte)'4' : (byte)'6';
        BinaryPrimitives.WriteUInt16BigEndian(family[1..], (ushort)client.Port);
        data.Advance(3);
        // A scope means nothing to the milter, and inet_pton doesn't take it.
        string address = client.Address.ToString();
        int scope = address.IndexOf('%', StringComparison.Ordinal);
        Text(data, scope < 0 ? address : address[..scope]);
    }

    /// <summary>A client at a unix socket.</summary>
    public static void ConnectData(IBufferWriter<byte> data, string name, string path)
    {
        Text(data, name);
        data.Write("L\0\0"u8);
        Text(data, path);
    }

    /// <summary>The arguments of MAIL or RCPT: the address in its angle brackets, then each parameter.</summary>
    public static void PathData(IBufferWriter<byte> data, ReadOnlySpan<byte> address, ReadOnlySpan<byte> parameters)
    {
        data.Write("<"u8);
        data.Write(address);
        data.Write(">\0"u8);
        while (!(parameters = parameters.Trim(" \t"u8)).IsEmpty)
        {
            int end = parameters.IndexOfAny(" \t"u8);
            data.Write(end < 0 ? parameters : parameters[..end]);
            data.Write("\0"u8);
            parameters = end < 0 ? [] : parameters[end..];
        }
    }

    public static void Text(IBufferWriter<byte> data, ReadOnlySpan<byte> text)
    {
        data.Write(text);
        data.Write("\0"u8);
    }

    public static void Text(IBufferWriter<byte> data, string text)
    {
        Encoding.UTF8.GetBytes(text, data);
        data.Write("\0"u8);
    }

    /// <summary>
    /// A header field as the data of <see cref="MilterCommand.Header"/>, from how it stands in a message: lines of its value end with LF alone, and NUL, which would end it, is left out. Without
    /// <paramref name="leadingSpace"/> the one space behind the colon isn't part of it.
    /// </summary>
    public static void HeaderData(IBufferWriter<byte> data, ReadOnlySpan<byte> field, int nameLength, bool leadingSpace)
    {
        Text(data, field[..nameLength]);
        ReadOnlySpan<byte> value = field[(field.IndexOf((byte)':') + 1)..];
        value = value.EndsWith("\r\n"u8) ? value[..^2] : value;
        value = leadingSpace || !value.StartsWith(" "u8) ? value : value[1..];
        while (!value.IsEmpty)
        {
            int end = value.IndexOfAny((byte)'\r', (byte)0);
            data.Write(end < 0 ? value : value[..end]);
            value = end < 0 ? [] : value[(end + 1)..];
        }

        data.Write("\0"u8);
    }
}
