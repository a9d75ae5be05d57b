using System.Buffers;
using System.Buffers.Binary;

namespace Relay.Protocol.Milter;

/// <summary>A packet of the milter protocol: four octets of length in network order, then the command and its data. Stateless; any thread.</summary>
public static class MilterPacket
{
    /// <summary>Octets of a body, or of other data, in one packet (MILTER_CHUNK_SIZE).</summary>
    public const int MaximumChunk = 65535;

    /// <summary>What a milter may send in one packet. A bit more than what the protocol says: some don't split what they replace a body with as it wants.</summary>
    public const int MaximumLength = 256 * 1024;

    public const int HeaderLength = 5;

    /// <summary>Takes one packet off the buffer. Its data is part of the buffer. Nothing is taken unless it is whole.</summary>
    public static MilterPacketStatus TryRead(ref ReadOnlySequence<byte> buffer, out MilterReplyKind reply, out ReadOnlySequence<byte> data)
    {
        reply = MilterReplyKind.None;
        data = default;
        var reader = new SequenceReader<byte>(buffer);
        if (!reader.TryReadBigEndian(out int length))
        {
            return MilterPacketStatus.NeedMoreData;
        }

        if (length is < 1 or > MaximumLength)
        {
            return MilterPacketStatus.Malformed;
        }

        if (!reader.TryRead(out byte command) || reader.Remaining < length - 1)
        {
            return MilterPacketStatus.NeedMoreData;
        }

        reply = (MilterReplyKind)command;
        data = buffer.Slice(reader.Position, length - 1);
        buffer = buffer.Slice(data.End);
        return MilterPacketStatus.Done;
    }

    /// <summary>Writes what stands in front of the data of a packet.</summary>
    public static void WriteHeader(Span<byte> packet, MilterCommand command, int dataLength)
    {
        BinaryPrimitives.WriteInt32BigEndian(packet, dataLength + 1);
        packet[4] = (byte)command;
    }

    /// <summary>Writes a whole packet.</summary>
    public static void Write(IBufferWriter<byte> output, MilterCommand command, ReadOnlySpan<byte> data)
    {
        Span<byte> packet = output.GetSpan(HeaderLength + data.Length);
        WriteHeader(packet, command, data.Length);
        data.CopyTo(packet[HeaderLength..]);
        output.Advance(HeaderLength + data.Length);
    }
}
