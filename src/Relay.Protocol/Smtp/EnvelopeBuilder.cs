using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace Relay.Protocol.Smtp;

/// <summary>
/// Gathers an <see cref="Envelope"/> while a transaction runs; reused from one transaction to the next, so that it allocates only while it grows.
/// Sender and recipients are reset together, by <see cref="Reset"/> alone. One thread at a time.
/// </summary>
public sealed class EnvelopeBuilder
{
    private const int InitialLength = 256;

    // One huge transaction must not leave its buffers to an idle connection.
    private const int KeptLength = 16 * 1024;

    /// <summary>Of the reason for which a message is held, so much is kept.</summary>
    public const int MaximumHoldReason = 500;

    private byte[] _buffer = new byte[InitialLength];
    private int _length;
    private int _countAt;
    private int _lastAt = -1;

    /// <summary>A hash of each recipient, in their order, so that a thousand of them don't cost a million comparisons.</summary>
    private int[] _hashes = [];

    public EnvelopeBuilder() => Reset();

    public int RecipientCount { get; private set; }

    /// <summary>The address that was accepted first; empty before there is one. Valid until the next change.</summary>
    public ReadOnlySpan<byte> FirstRecipient => RecipientCount == 0 ? [] : Address(_countAt + 2);

    /// <summary>Forgets everything: the state of a new session.</summary>
    public void Reset()
    {
        RecipientCount = 0;
        _length = 0;
        _countAt = 0;
        _lastAt = -1;
        if (_buffer.Length > KeptLength)
        {
            _buffer = new byte[InitialLength];
            _hashes = [];
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
        _length = 3;
        PutLength(reversePath.Length);
        Put(reversePath);
        PutLength(0);
        EndOfParameters();
    }

    /// <summary>Begins an envelope with sender and parameters of MAIL. What the parameters count in seconds counts from <paramref name="arrived"/>.</summary>
    public void Begin(ReadOnlySpan<byte> reversePath, in MailParameters parameters, DateTimeOffset arrived)
    {
        Begin(reversePath, parameters.Body,
            (parameters.SmtpUtf8 ? EnvelopeFlags.SmtpUtf8 : EnvelopeFlags.None) | (parameters.RequireTls ? EnvelopeFlags.RequireTls : EnvelopeFlags.None));
        sbyte priority = parameters.Priority ?? 0;
        if (parameters.Return == DsnReturn.Unspecified && parameters.EnvelopeId.IsEmpty && parameters.Submitter.IsEmpty && parameters.DeliverBy == default && parameters.Hold == default && priority == 0)
        {
            return;
        }

        int length = Envelope.ParametersFixedLength + parameters.EnvelopeId.Length + parameters.Submitter.Length;
        _length = _countAt - 2;
        Ensure(_length + 4 + length);
        PutLength(length);
        Span<byte> block = _buffer.AsSpan(_length, Envelope.ParametersFixedLength);
        block[0] = (byte)parameters.Return;
        block[1] = (byte)parameters.DeliverBy.Mode;
        block[2] = parameters.DeliverBy.Trace ? (byte)1 : (byte)0;
        block[3] = (byte)priority;
        DateTimeOffset until = parameters.Hold.Seconds > 0 ? arrived.AddSeconds(parameters.Hold.Seconds) : parameters.Hold.Until;
        BinaryPrimitives.WriteInt64LittleEndian(block[4..], parameters.DeliverBy.Mode == DeliverByMode.None ? 0 : arrived.AddSeconds(parameters.DeliverBy.Seconds).UtcTicks);
        BinaryPrimitives.WriteInt64LittleEndian(block[12..], until.UtcTicks);
        BinaryPrimitives.WriteUInt16LittleEndian(block[20..], (ushort)parameters.EnvelopeId.Length);
        _length += Envelope.ParametersFixedLength;
        Put(parameters.EnvelopeId);
        Put(parameters.Submitter);
        EndOfParameters();
    }

    /// <summary>Says whose mail it is, before there are recipients: a name of 1 to <see cref="Envelope.MaximumTenant"/> octets.</summary>
    public void Belong(ReadOnlySpan<byte> tenant)
    {
        if (_length == 0 || RecipientCount > 0)
        {
            throw new InvalidOperationException("An envelope has its sender before its tenant, and that before its recipients.");
        }

        _length = _countAt;
        Ensure(_length + 3 + tenant.Length);
        _buffer[0] = Envelope.VersionWithTenant;
        _buffer[_length++] = checked((byte)tenant.Length);
        Put(tenant);
        EndOfParameters();
    }

    /// <summary>
    /// Adds an accepted recipient. False when the same address is already there: it is delivered once, and what its first RCPT said counts.
    /// Local parts are compared as they are, domains without regard to case and to the form of their labels (RFC 5321 §2.4, <see cref="Idna.SameDomain"/>).
    /// </summary>
    public bool TryAdd(ReadOnlySpan<byte> forwardPath, in RcptParameters parameters = default)
    {
        if (_length == 0)
        {
            throw new InvalidOperationException("An envelope begins with its sender.");
        }

        int hash = Hash(forwardPath);
        if (Contains(forwardPath, hash))
        {
            return false;
        }

        int extra = parameters.Notify == DsnNotify.Unspecified && parameters.OriginalRecipient.IsEmpty ? 0 : 1 + parameters.OriginalRecipient.Length;
        Ensure(_length + 4 + forwardPath.Length + extra);
        _lastAt = _length;
        PutLength(2 + forwardPath.Length + extra);
        PutLength(forwardPath.Length);
        Put(forwardPath);
        if (extra > 0)
        {
            _buffer[_length++] = (byte)parameters.Notify;
            Put(parameters.OriginalRecipient);
        }

        if (RecipientCount == _hashes.Length)
        {
            Array.Resize(ref _hashes, Math.Max(4, 2 * RecipientCount));
        }

        _hashes[RecipientCount++] = hash;
        BinaryPrimitives.WriteUInt16LittleEndian(_buffer.AsSpan(_countAt), checked((ushort)RecipientCount));
        return true;
    }

    /// <summary>Begins an envelope with another one's parameters; its recipients are the caller's to add.</summary>
    public void Begin(ReadOnlySpan<byte> reversePath, Envelope like)
    {
        Begin(reversePath, like.Body, like.Flags);
        ReadOnlySpan<byte> block = like.ParameterBlock;
        _length = _countAt - 2;
        Ensure(_length + block.Length + 2);
        Put(block);
        EndOfParameters();
    }

    /// <summary>Takes back what the last <see cref="TryAdd"/> added. Once.</summary>
    public void RemoveLast()
    {
        if (_lastAt < 0)
        {
            throw new InvalidOperationException("There is nothing to take back.");
        }

        _length = _lastAt;
        _lastAt = -1;
        RecipientCount--;
        BinaryPrimitives.WriteUInt16LittleEndian(_buffer.AsSpan(_countAt), (ushort)RecipientCount);
    }

    /// <summary>The message is to be held from the start (<see cref="Envelope.IsHeld"/>). Once, when all recipients are there.</summary>
    public void Hold(ReadOnlySpan<byte> reason)
    {
        reason = reason[..Math.Min(reason.Length, MaximumHoldReason)];
        Ensure(_length + reason.Length + 3);
        if (_buffer[0] == Envelope.CurrentVersion)
        {
            // The place of a tenant that there isn't.
            _buffer.AsSpan(_countAt, _length - _countAt).CopyTo(_buffer.AsSpan(_countAt + 1));
            _buffer[_countAt++] = 0;
            _length++;
        }

        Put(reason);
        PutLength(reason.Length);
        _buffer[0] = Envelope.VersionOfHeld;
    }

    /// <summary>Adds what is only known once the message has been read.</summary>
    public void AddFlags(EnvelopeFlags flags) => _buffer[2] |= (byte)flags;

    /// <summary>The finished envelope: one allocation of the exact size.</summary>
    public Envelope Build() => _length == 0
        ? throw new InvalidOperationException("An envelope begins with its sender.")
        : new Envelope(_buffer.AsSpan(0, _length).ToArray());

    /// <summary>Whether two addresses are one mailbox: the same local part, and domains without regard to case and to the form of their labels.</summary>
    public static bool SameMailbox(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b)
    {
        int split = a.LastIndexOf((byte)'@') + 1;
        return split == b.LastIndexOf((byte)'@') + 1 && a[..split].SequenceEqual(b[..split]) && Idna.SameDomain(a[split..], b[split..]);
    }

    private bool Contains(ReadOnlySpan<byte> path, int hash)
    {
        // Only where the hash is the same is there something to compare; to get there the entries are walked, once.
        int at = _countAt + 2;
        ReadOnlySpan<int> hashes = _hashes.AsSpan(0, RecipientCount);
        for (int found = hashes.IndexOf(hash); found >= 0; found = hashes.IndexOf(hash))
        {
            for (int i = 0; i < found; i++)
            {
                at = Next(at);
            }

            if (SameMailbox(Address(at), path))
            {
                return true;
            }

            at = Next(at);
            hashes = hashes[(found + 1)..];
        }

        return false;
    }

    /// <summary>The same for the same mailbox. With this process's random seed: nobody outside can make them collide.</summary>
    [SkipLocalsInit]
    private static int Hash(ReadOnlySpan<byte> path)
    {
        int split = path.LastIndexOf((byte)'@') + 1;
        Span<byte> domain = stackalloc byte[Domain.MaximumLength];
        var hash = default(HashCode);
        hash.AddBytes(path[..split]);
        if (Idna.TryToAscii(path[split..], domain, out int length))
        {
            hash.AddBytes(domain[..length]);
        }

        return hash.ToHashCode();
    }

    private int Next(int entry) => entry + 2 + BinaryPrimitives.ReadUInt16LittleEndian(_buffer.AsSpan(entry));

    private ReadOnlySpan<byte> Address(int entry) => _buffer.AsSpan(entry + 4, BinaryPrimitives.ReadUInt16LittleEndian(_buffer.AsSpan(entry + 2)));

    private void EndOfParameters()
    {
        _countAt = _length;
        PutLength(0);
    }

    private void Put(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(_buffer.AsSpan(_length));
        _length += bytes.Length;
    }

    private void PutLength(int length)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(_buffer.AsSpan(_length), checked((ushort)length));
        _length += 2;
    }

    private void Ensure(int length)
    {
        if (_buffer.Length < length)
        {
            Array.Resize(ref _buffer, Math.Max(length, _buffer.Length * 2));
        }
    }
}
