using System.Buffers.Binary;
using System.Text;

namespace Relay.Protocol.Smtp;

/// <summary>
/// Who a message is from and whom it is for (RFC 5321 §2.3.1), as one immutable block of bytes: the same block lies in memory and in the spool.
/// Addresses are as they came, without angle brackets; an empty reverse-path is the null one. Made by <see cref="EnvelopeBuilder"/>.
/// Layout, little endian: version (1 byte), body type (1), flags (1), reverse-path length (2) and bytes, length of the message's parameters (2) and the parameters, recipient count (2),
/// then for each recipient the length of its entry (2), the length of its address (2), the address, and its parameters up to the entry's end.
/// The message's parameters, when there are any: RET (1), mode of BY (1), trace of BY (1), priority (1), deadline and release (8 each, UTC ticks, 0 for none), length of ENVID (2), ENVID, and
/// AUTH= up to the end. A recipient's: NOTIFY (1) and ORCPT. Version 3, written only for mail that has a tenant of its own, has the length of the tenant's name (1) and the name before the recipient count.
/// Version 4 is that of a message to be held: as version 3, where the name may be empty, and behind the recipients the reason and its length (2). Version 1, which is still read, has no parameters and no length of them.
/// </summary>
public sealed class Envelope
{
    public const byte CurrentVersion = 2;

    /// <summary>The longest name of a tenant, in octets.</summary>
    public const int MaximumTenant = 255;

    internal const byte VersionWithTenant = 3;
    internal const int FixedLength = 9;
    internal const int ParametersFixedLength = 22;

    internal const byte VersionOfHeld = 4;

    private const byte VersionWithoutParameters = 1;
    private const int ReversePathAt = 5;

    private readonly byte[] _bytes;
    private readonly int _reversePathLength;
    private readonly int _parameters;
    private readonly int _parametersLength;
    private readonly int _recipients;
    private readonly int _tenantLength;

    internal Envelope(byte[] bytes)
    {
        _bytes = bytes;
        _reversePathLength = BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(3));
        _recipients = ReversePathAt + _reversePathLength;
        if (bytes[0] != VersionWithoutParameters)
        {
            _parametersLength = BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(_recipients));
            _parameters = _recipients + 2;
            _recipients = _parameters + _parametersLength;
        }

        if (bytes[0] is VersionWithTenant or VersionOfHeld)
        {
            _tenantLength = bytes[_recipients];
            _recipients += 1 + _tenantLength;
        }

        RecipientCount = BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(_recipients));
    }

    public BodyType Body => (BodyType)_bytes[1];

    public EnvelopeFlags Flags => (EnvelopeFlags)_bytes[2];

    /// <summary>Empty for the null reverse-path of notifications.</summary>
    public ReadOnlySpan<byte> ReversePath => _bytes.AsSpan(ReversePathAt, _reversePathLength);

    /// <summary>RET (RFC 3461 §4.3).</summary>
    public DsnReturn Return => _parametersLength == 0 ? DsnReturn.Unspecified : (DsnReturn)_bytes[_parameters];

    /// <summary>ENVID, xtext as it came (RFC 3461 §4.4); empty when there was none.</summary>
    public ReadOnlySpan<byte> EnvelopeId => _parametersLength == 0 ? [] : _bytes.AsSpan(_parameters + ParametersFixedLength, EnvelopeIdLength);

    /// <summary>AUTH=, "&lt;&gt;" or xtext as it came (RFC 4954 §5); empty when there was none.</summary>
    public ReadOnlySpan<byte> Submitter => _parametersLength == 0
        ? []
        : _bytes.AsSpan(_parameters + ParametersFixedLength + EnvelopeIdLength, _parametersLength - ParametersFixedLength - EnvelopeIdLength);

    /// <summary>When the message should have been delivered (RFC 2852), UTC; null when MAIL had no BY.</summary>
    public DateTimeOffset? DeliverBy => Time(4);

    public DeliverByMode DeliverByMode => _parametersLength == 0 ? DeliverByMode.None : (DeliverByMode)_bytes[_parameters + 1];

    public bool DeliverByTrace => _parametersLength != 0 && _bytes[_parameters + 2] != 0;

    /// <summary>Before when the message is not to be sent (RFC 4865), UTC; null when MAIL had no HOLDFOR or HOLDUNTIL.</summary>
    public DateTimeOffset? ReleaseAt => Time(12);

    /// <summary>MT-PRIORITY (RFC 6710), -9 to 9; 0 also when there was none.</summary>
    public sbyte Priority => _parametersLength == 0 ? (sbyte)0 : (sbyte)_bytes[_parameters + 3];

    /// <summary>The name of the tenant whose mail it is, whoever handed it in; empty when that is to be found out by the client.</summary>
    public ReadOnlySpan<byte> Tenant => _bytes.AsSpan(_recipients - _tenantLength, _tenantLength);

    public int RecipientCount { get; }

    /// <summary>The message is kept from being sent from the start, until an operator releases it.</summary>
    public bool IsHeld => _bytes[0] == VersionOfHeld;

    /// <summary>Why it is; empty when it isn't.</summary>
    public ReadOnlySpan<byte> HoldReason => IsHeld ? _bytes.AsSpan()[^(2 + BinaryPrimitives.ReadUInt16LittleEndian(_bytes.AsSpan()[^2..]))..^2] : [];

    /// <summary>The encoded form, for the spool.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes;

    private int EnvelopeIdLength => BinaryPrimitives.ReadUInt16LittleEndian(_bytes.AsSpan(_parameters + 20));

    /// <summary>Reads what <see cref="Bytes"/> gave. False when the block is damaged or of an unknown version.</summary>
    public static bool TryParse(ReadOnlySpan<byte> bytes, out Envelope? envelope)
    {
        envelope = null;
        if (bytes.Length < FixedLength - 2 || bytes[0] is not (CurrentVersion or VersionWithTenant or VersionOfHeld or VersionWithoutParameters))
        {
            return false;
        }

        int at = ReversePathAt + BinaryPrimitives.ReadUInt16LittleEndian(bytes[3..]);
        if (bytes[0] != VersionWithoutParameters)
        {
            if (at + 2 > bytes.Length)
            {
                return false;
            }

            int length = BinaryPrimitives.ReadUInt16LittleEndian(bytes[at..]);
            at += 2;
            if (at + length > bytes.Length || !AreParameters(bytes.Slice(at, length)))
            {
                return false;
            }

            at += length;
        }

        if (bytes[0] is VersionWithTenant or VersionOfHeld)
        {
            if (at >= bytes.Length)
            {
                return false;
            }

            at += 1 + bytes[at];
        }

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

        if (bytes[0] == VersionOfHeld ? at + 2 > bytes.Length || at + 2 + BinaryPrimitives.ReadUInt16LittleEndian(bytes[^2..]) != bytes.Length : at != bytes.Length)
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

    /// <summary>What the sender wants to be told of one recipient, and ORCPT as it came (RFC 3461 §4.1, §4.2). Walks the block.</summary>
    public DsnNotify NotifyOf(int index, out ReadOnlySpan<byte> originalRecipient)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        RecipientEnumerator recipients = GetEnumerator();
        while (recipients.MoveNext())
        {
            if (index-- == 0)
            {
                originalRecipient = recipients.OriginalRecipient;
                return recipients.Notify;
            }
        }

        throw new ArgumentOutOfRangeException(nameof(index));
    }

    public string ReversePathText() => Encoding.UTF8.GetString(ReversePath);

    public string RecipientText(int index) => Encoding.UTF8.GetString(Recipient(index));

    /// <summary>The block of the message's parameters, with its length.</summary>
    internal ReadOnlySpan<byte> ParameterBlock => _parametersLength == 0 ? "\0\0"u8 : _bytes.AsSpan(_parameters - 2, 2 + _parametersLength);

    private DateTimeOffset? Time(int offset)
    {
        long ticks = _parametersLength == 0 ? 0 : BinaryPrimitives.ReadInt64LittleEndian(_bytes.AsSpan(_parameters + offset));
        return ticks == 0 ? null : new DateTimeOffset(ticks, TimeSpan.Zero);
    }

    private static bool AreParameters(ReadOnlySpan<byte> bytes) => bytes.IsEmpty ||
        (bytes.Length >= ParametersFixedLength && bytes[0] <= (byte)DsnReturn.Headers && bytes[1] <= (byte)DeliverByMode.Return && bytes[2] <= 1 && (sbyte)bytes[3] is >= -9 and <= 9 &&
        IsTime(BinaryPrimitives.ReadInt64LittleEndian(bytes[4..])) && IsTime(BinaryPrimitives.ReadInt64LittleEndian(bytes[12..])) &&
        ParametersFixedLength + BinaryPrimitives.ReadUInt16LittleEndian(bytes[20..]) <= bytes.Length);

    private static bool IsTime(long ticks) => ticks >= 0 && ticks <= DateTime.MaxValue.Ticks;

    /// <summary>Walks the recipients without allocating.</summary>
    public ref struct RecipientEnumerator
    {
        private readonly Envelope _envelope;
        private int _next;
        private int _left;
        private int _start;
        private int _length;
        private int _end;

        internal RecipientEnumerator(Envelope envelope)
        {
            _envelope = envelope;
            _next = envelope._recipients + 2;
            _left = envelope.RecipientCount;
            _start = 0;
            _length = 0;
            _end = 0;
        }

        public readonly ReadOnlySpan<byte> Current => _envelope._bytes.AsSpan(_start, _length);

        /// <summary>NOTIFY of the current recipient (RFC 3461 §4.1).</summary>
        public readonly DsnNotify Notify => _start + _length < _end ? (DsnNotify)_envelope._bytes[_start + _length] : DsnNotify.Unspecified;

        /// <summary>ORCPT of the current recipient, "type;xtext" as it came (RFC 3461 §4.2); empty when there was none.</summary>
        public readonly ReadOnlySpan<byte> OriginalRecipient => _start + _length < _end ? _envelope._bytes.AsSpan((_start + _length + 1).._end) : [];

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
            _end = _next;
            return true;
        }
    }
}
