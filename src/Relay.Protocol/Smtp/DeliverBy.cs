namespace Relay.Protocol.Smtp;

/// <summary>
/// The BY parameter of MAIL (RFC 2852 §4): the message should be delivered within <paramref name="Seconds"/> of its arrival. They are positive with <see cref="DeliverByMode.Return"/>;
/// with <see cref="DeliverByMode.Notify"/> zero or less says that the time was over before it came here. The default value means that there was no BY.
/// <paramref name="Trace"/> asks for a report at each relay.
/// </summary>
public readonly record struct DeliverBy(long Seconds, DeliverByMode Mode, bool Trace)
{
    private const int MaximumDigits = 9;

    /// <summary><c>by-value = by-time ";" by-mode [by-trace]</c>, <c>by-time = ["-" / "+"] 1*9digit</c>.</summary>
    internal static bool TryParse(ReadOnlySpan<byte> text, out DeliverBy value)
    {
        value = default;
        int semicolon = text.IndexOf((byte)';');
        if (semicolon < 1)
        {
            return false;
        }

        ReadOnlySpan<byte> digits = text[..semicolon];
        ReadOnlySpan<byte> mode = text[(semicolon + 1)..];
        bool negative = digits[0] == '-';
        if (negative || digits[0] == '+')
        {
            digits = digits[1..];
        }

        if (digits.Length > MaximumDigits || !Number.TryParse(digits, out long seconds) || mode.Length is < 1 or > 2 || (mode.Length == 2 && (mode[1] | 0x20) != 't'))
        {
            return false;
        }

        value = new DeliverBy(negative ? -seconds : seconds, (mode[0] | 0x20) switch
        {
            'n' => DeliverByMode.Notify,
            'r' => DeliverByMode.Return,
            _ => DeliverByMode.None,
        }, mode.Length == 2);
        return value.Mode == DeliverByMode.Notify || (value.Mode == DeliverByMode.Return && value.Seconds > 0);
    }
}
