using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Relay.Protocol.Message;

/// <summary>
/// The name of an accepted message, in its 250, its Received field, every log line and the spool. Unique for the life of a spool and rising with time.
/// Written as 13 characters of Crockford's base 32 (no I, L, O, U), so that it can be read out over a telephone.
/// </summary>
public readonly record struct QueueId(ulong Value) : IComparable<QueueId>
{
    public const int TextLength = 13;

    private static ReadOnlySpan<byte> Digits => "0123456789ABCDEFGHJKMNPQRSTVWXYZ"u8;

    /// <summary>Writes the text form. False when there is no room for <see cref="TextLength"/> octets.</summary>
    public bool TryFormat(Span<byte> destination, out int written)
    {
        written = 0;
        if (destination.Length < TextLength)
        {
            return false;
        }

        ulong value = Value;
        for (int i = TextLength - 1; i >= 0; i--)
        {
            destination[i] = Digits[(int)(value & 31)];
            value >>= 5;
        }

        written = TextLength;
        return true;
    }

    /// <summary>Reads what <see cref="TryFormat"/> wrote, in either case.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out QueueId id)
    {
        id = default;
        if (text is not { Length: TextLength })
        {
            return false;
        }

        ulong value = 0;
        for (int i = 0; i < text.Length; i++)
        {
            int digit = text[i] < 128 ? Digits.IndexOf((byte)char.ToUpperInvariant(text[i])) : -1;
            // 13 digits hold 65 bits: the first has room for four.
            if (digit < 0 || (i == 0 && digit > 15))
            {
                return false;
            }

            value = (value << 5) | (uint)digit;
        }

        id = new QueueId(value);
        return true;
    }

    public int CompareTo(QueueId other) => Value.CompareTo(other.Value);

    public static bool operator <(QueueId left, QueueId right) => left.Value < right.Value;

    public static bool operator >(QueueId left, QueueId right) => left.Value > right.Value;

    public static bool operator <=(QueueId left, QueueId right) => left.Value <= right.Value;

    public static bool operator >=(QueueId left, QueueId right) => left.Value >= right.Value;

    public override string ToString()
    {
        Span<byte> text = stackalloc byte[TextLength];
        TryFormat(text, out _);
        return Encoding.ASCII.GetString(text);
    }
}
