namespace Relay.Protocol.Smtp;

/// <summary>Dates as RFC 3339 §5.6 writes them. A parser of our own, because the library's take far more than that. Stateless; any thread.</summary>
internal static class InternetDate
{
    /// <summary>The point in time, in UTC and in whole seconds: a fraction is read and dropped. A leap second is the first of the next minute.</summary>
    public static bool TryParse(ReadOnlySpan<byte> text, out DateTimeOffset value)
    {
        value = default;
        // 2026-11-25T08:00:00
        if (text.Length < 20 || text[4] != '-' || text[7] != '-' || (text[10] | 0x20) != 't' || text[13] != ':' || text[16] != ':' ||
            !TryNumber(text[..4], out int year) || !TryNumber(text[5..7], out int month) || !TryNumber(text[8..10], out int day) ||
            !TryNumber(text[11..13], out int hour) || !TryNumber(text[14..16], out int minute) || !TryNumber(text[17..19], out int second) ||
            year < 1 || month is < 1 or > 12 || day < 1 || day > DateTime.DaysInMonth(year, month) || hour > 23 || minute > 59 || second > 60)
        {
            return false;
        }

        ReadOnlySpan<byte> rest = text[19..];
        if (rest[0] == '.')
        {
            int end = rest[1..].IndexOfAnyExceptInRange((byte)'0', (byte)'9') + 1;
            if (end < 2)
            {
                return false;
            }

            rest = rest[end..];
        }

        if (!TryOffset(rest, out int minutes))
        {
            return false;
        }

        long ticks = new DateTime(year, month, day, hour, minute, 0, DateTimeKind.Utc).Ticks + second * TimeSpan.TicksPerSecond - minutes * TimeSpan.TicksPerMinute;
        if (ticks < DateTime.MinValue.Ticks || ticks > DateTime.MaxValue.Ticks)
        {
            return false;
        }

        value = new DateTimeOffset(ticks, TimeSpan.Zero);
        return true;
    }

    /// <summary><c>time-offset = "Z" / ("+" / "-") 2DIGIT ":" 2DIGIT</c>, in minutes.</summary>
    private static bool TryOffset(ReadOnlySpan<byte> text, out int minutes)
    {
        minutes = 0;
        if (text is [(byte)'Z' or (byte)'z'])
        {
            return true;
        }

        if (text.Length != 6 || text[0] is not ((byte)'+' or (byte)'-') || text[3] != ':' ||
            !TryNumber(text[1..3], out int hour) || !TryNumber(text[4..6], out int minute) || hour > 23 || minute > 59)
        {
            return false;
        }

        minutes = (text[0] == '-' ? -1 : 1) * (hour * 60 + minute);
        return true;
    }

    private static bool TryNumber(ReadOnlySpan<byte> text, out int value)
    {
        bool valid = Number.TryParse(text, out long number);
        value = (int)number;
        return valid;
    }
}
