namespace Relay.Protocol.Message;

/// <summary>Dates as mail writes them, <c>Tue, 24 Nov 2026 08:00:38 +0000</c> (RFC 5322 §3.3). Digit by digit: no format string, no culture. Stateless; any thread.</summary>
public static class MessageDate
{
    public const int TextLength = 31;

    private static ReadOnlySpan<byte> Days => "SunMonTueWedThuFriSat"u8;

    private static ReadOnlySpan<byte> Months => "JanFebMarAprMayJunJulAugSepOctNovDec"u8;

    /// <summary>Writes <see cref="TextLength"/> octets.</summary>
    public static void Format(DateTimeOffset date, Span<byte> destination)
    {
        Span<byte> text = destination[..TextLength];
        "DDD, dd MMM yyyy hh:mm:ss +hhmm"u8.CopyTo(text);
        Days.Slice((int)date.DayOfWeek * 3, 3).CopyTo(text);
        Two(date.Day, text[5..]);
        Months.Slice((date.Month - 1) * 3, 3).CopyTo(text[8..]);
        Two(date.Year / 100, text[12..]);
        Two(date.Year % 100, text[14..]);
        Two(date.Hour, text[17..]);
        Two(date.Minute, text[20..]);
        Two(date.Second, text[23..]);
        int offset = date.TotalOffsetMinutes;
        text[26] = offset < 0 ? (byte)'-' : (byte)'+';
        Two(Math.Abs(offset) / 60, text[27..]);
        Two(Math.Abs(offset) % 60, text[29..]);
    }

    private static void Two(int number, Span<byte> text)
    {
        text[1] = (byte)('0' + number % 10);
        text[0] = (byte)('0' + number / 10);
    }
}
