using System.Buffers.Binary;
using System.Text;

namespace Relay.Protocol.Smtp;

/// <summary>
/// Gathers an <see cref="Envelope"/> while a transaction runs; reused from one transaction to the next, so that it allocates only while it grows.
/// Sender and recipients are reset together, by <see cref="Reset"/> alone. One thread at a time.
/// </summary>
public sealed class EnvelopeBuilder
{
    private byte[] _buffer = new byte[256];
    private int _length;
    private int _countAt;

    public EnvelopeBuilder() => Reset();

    public int RecipientCount { get; private set; }

    /// <summary>The address that was accepted first; empty before there is one. Valid until the next change.</summary>
    public ReadOnlySpan<byte> FirstRecipient => RecipientCount == 0
        ? []
        : _buffer.AsSpan(_countAt + 6, BinaryPrimitives.ReadUInt16LittleEndian(_buffer.AsSpan(_countAt + 4)));

    /// <summary>Forgets everything: the state of a new session.</summary>
    public void Reset()
    {
        RecipientCount = 0;
        _length = 0;
        _countAt = 0;
        // One huge transaction must not leave its buffer to an idle connection.
        if (_buffer.Length > 16 * 1024)
        {
            _buffer = new byte[256];
        }
    }

    /// <summary>Begins an envelope with the sender of MAIL; an empty one is the null reverse-path.</summary>
    public void Begin(ReadOnlySpan<byte> reversePath, BodyType body, EnvelopeFlags flags)
    {
        Reset();
        Ensure(Envelope.FixedLength + reversePath.Length);
        _buffer[0] = Envelope.CurrentVersion;
        _buffer[1] = (byte)body;
        _buffer[2] = (byte)flags;
        BinaryPrimitives.WriteUInt16LittleEndian(_buffer.AsSpan(3), checked((ushort)reversePath.Length));
        reversePath.CopyTo(_buffer.AsSpan(5));
        _countAt = 5 + reversePath.Length;
        BinaryPrimitives.WriteUInt16LittleEndian(_buffer.AsSpan(_countAt), 0);
        _length = _countAt + 2;
    }

    /// <summary>Adds an accepted recipient. False when the same address is already there (it is delivered once; the domain's case doesn't count).</summary>
    public bool TryAdd(ReadOnlySpan<byte> forwardPath)
    {
        if (_length == 0)
        {
            throw new InvalidOperationException("An envelope begins with its sender.");
        }

        if (Contains(forwardPath))
        {
            return false;
        }

        Ensure(_length + 4 + forwardPath.Length);
        BinaryPrimitives.WriteUInt16LittleEndian(_buffer.AsSpan(_length), checked((ushort)(2 + forwardPath.Length)));
        BinaryPrimitives.WriteUInt16LittleEndian(_buffer.AsSpan(_length + 2), (ushort)forwardPath.Length);
        forwardPath.CopyTo(_buffer.AsSpan(_length + 4));
        _length += 4 + forwardPath.Length;
        RecipientCount++;
        BinaryPrimitives.WriteUInt16LittleEndian(_buffer.AsSpan(_countAt), checked((ushort)RecipientCount));
        return true;
    }

    /// <summary>Adds what is only known once the message has been read.</summary>
    public void AddFlags(EnvelopeFlags flags) => _buffer[2] |= (byte)flags;

    /// <summary>The finished envelope: one allocation of the exact size.</summary>
    public Envelope Build() => _length == 0
        ? throw new InvalidOperationException("An envelope begins with its sender.")
        : new Envelope(_buffer.AsSpan(0, _length).ToArray());

    private bool Contains(ReadOnlySpan<byte> path)
    {
        int at = _countAt + 2;
        for (int i = 0; i < RecipientCount; i++)
        {
            int length = BinaryPrimitives.ReadUInt16LittleEndian(_buffer.AsSpan(at + 2));
            if (length == path.Length && SameMailbox(_buffer.AsSpan(at + 4, length), path))
            {
                return true;
            }

            at += 2 + BinaryPrimitives.ReadUInt16LittleEndian(_buffer.AsSpan(at));
        }

        return false;
    }

    /// <summary>RFC 5321 §2.4: local parts are compared as they are, domains without regard to case.</summary>
    private static bool SameMailbox(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b)
    {
        int split = a.LastIndexOf((byte)'@') + 1;
        return a[..split].SequenceEqual(b[..split]) && Ascii.EqualsIgnoreCase(a[split..], b[split..]);
    }

    private void Ensure(int length)
    {
        if (_buffer.Length < length)
        {
            Array.Resize(ref _buffer, Math.Max(length, _buffer.Length * 2));
        }
    }
}
