using System.Buffers.Binary;
using System.Text;

namespace Relay.Protocol.Smtp;

/// <summary>
/// Who a message is from and whom it is for (RFC 5321 §2.3.1), as one immutable block of bytes: the same block lies in memory and in the spool.
/// Addresses are as they came, without angle brackets; an empty reverse-path is the null one. Made by <see cref="EnvelopeBuilder"/>.
/// Layout, little endian: version (1 byte), body type (1), flags (1), reverse-path length (2) and bytes, recipient count (2), then for each recipient
/// the length of its entry (2), the length of its address (2), the address, and room for its parameters up to the entry's end.
/// </summary>
public sealed class Envelope
{
    public const byte CurrentVersion = 1;

    internal const int FixedLength = 7;

    private readonly byte[] _bytes;
    private readonly int _recipients;

    internal Envelope(byte[] bytes)
    {
        _bytes = bytes;
        _recipients = 5 + BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(3));
        RecipientCount = BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(_recipients));
    }

    public BodyType Body => (BodyType)_bytes[1];

    public EnvelopeFlags Flags => (EnvelopeFlags)_bytes[2];

    /// <summary>Empty for the null reverse-path of notifications.</summary>
    public ReadOnlySpan<byte> ReversePath => _bytes.AsSpan(5, _recipients - 5);

    public int RecipientCount { get; }

    /// <summary>The encoded form, for the spool.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes;

    /// <summary>Reads what <see cref="Bytes"/> gave. False when the block is damaged or of an unknown version.</summary>
    public static bool TryParse(ReadOnlySpan<byte> bytes, out Envelope? envelope)
    {
        envelope = null;
        if (bytes.Length < FixedLength || bytes[0] != CurrentVersion)
        {
            return false;
        }

        int at = 5 + BinaryPrimitives.ReadUInt16LittleEndian(bytes[3..]);
        if (at + 2 > bytes.Length)
        {
            return false;
        }

        int count = BinaryPrimitives.ReadUInt16LittleEndian(bytes[at..]);
        at += 2;
        for (int i = 0; i < count; i++)
        {
            if (at + 4 > bytes.Length)
            {
                return false;
            }

            int entry = BinaryPrimitives.ReadUInt16LittleEndian(bytes[at..]);
            int address = BinaryPrimitives.ReadUInt16LittleEndian(bytes[(at + 2)..]);
            if (entry < address + 2 || at + 2 + entry > bytes.Length)
            {
                return false;
            }

            at += 2 + entry;
        }

        if (at != bytes.Length)
        {
            return false;
        }

        envelope = new Envelope(bytes.ToArray());
        return true;
    }

    /// <summary>The recipients in the order in which they were accepted; their place in this order is their index everywhere.</summary>
    public RecipientEnumerator GetEnumerator() => new(this);

    /// <summary>The address of one recipient. Walks the block: for a pass over all of them, enumerate.</summary>
    public ReadOnlySpan<byte> Recipient(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        foreach (ReadOnlySpan<byte> recipient in this)
        {
            if (index-- == 0)
            {
                return recipient;
            }
        }

        throw new ArgumentOutOfRangeException(nameof(index));
    }

    public string ReversePathText() => Encoding.UTF8.GetString(ReversePath);

    public string RecipientText(int index) => Encoding.UTF8.GetString(Recipient(index));

    /// <summary>Walks the recipients without allocating.</summary>
    public ref struct RecipientEnumerator
    {
        private readonly Envelope _envelope;
        private int _next;
        private int _left;
        private int _start;
        private int _length;

        internal RecipientEnumerator(Envelope envelope)
        {
            _envelope = envelope;
            _next = envelope._recipients + 2;
            _left = envelope.RecipientCount;
            _start = 0;
            _length = 0;
        }

        public readonly ReadOnlySpan<byte> Current => _envelope._bytes.AsSpan(_start, _length);

        public bool MoveNext()
        {
            if (_left == 0)
            {
                return false;
            }

            _left--;
            ReadOnlySpan<byte> bytes = _envelope._bytes.AsSpan(_next);
            _length = BinaryPrimitives.ReadUInt16LittleEndian(bytes[2..]);
            _start = _next + 4;
            _next += 2 + BinaryPrimitives.ReadUInt16LittleEndian(bytes);
            return true;
        }
    }
}
