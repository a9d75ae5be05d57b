using System.Buffers;
using System.Globalization;

namespace SmtpBlaster.Options;

/// <summary>Sizes ("64KiB", "10MB", "4096"), durations ("250ms", "30s", "5m", "1h") and shares ("5%", "0.05") as text. Each gives null, or what is wrong and would be right.</summary>
internal static class Quantity
{
    private static readonly SearchValues<char> NumberCharacters = SearchValues.Create("0123456789.");

    private static readonly (string Unit, long Length)[] Sizes =
        [("", 1), ("B", 1), ("KiB", 1L << 10), ("MiB", 1L << 20), ("GiB", 1L << 30), ("KB", 1000), ("MB", 1_000_000), ("GB", 1_000_000_000)];

    private static readonly (string Unit, long Nanoseconds)[] Durations =
        [("us", 1000), ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000)];

    public static string? Size(string text, out long octets) => Number(text, Sizes, out octets)
        ? null
        : $"\"{text}\" is not a size: write a number and B, KiB, MiB, GiB, KB, MB or GB, like \"64KiB\"";

    /// <summary>Nanoseconds.</summary>
    public static string? Duration(string text, out long nanoseconds) => Number(text, Durations, out nanoseconds)
        ? null
        : $"\"{text}\" is not a duration: write a number and us, ms, s, m or h, like \"30s\" or \"250ms\"";

    /// <summary>From 0 to 1.</summary>
    public static string? Share(string text, out double share)
    {
        bool percent = text.EndsWith('%');
        bool valid = double.TryParse(percent ? text[..^1] : text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out share);
        share = percent ? share / 100 : share;
        return valid && share is >= 0 and <= 1 ? null : $"\"{text}\" is not a share: write \"5%\" or \"0.05\"";
    }

    /// <summary>"100", or "100:5000" for from and to.</summary>
    public static string? Span(string text, out double from, out double to)
    {
        string[] parts = text.Split(':');
        to = 0;
        bool valid = Positive(parts[0], out from) && (parts.Length == 1 || (parts.Length == 2 && Positive(parts[1], out to)));
        to = parts.Length == 2 ? to : from;
        return valid ? null : $"\"{text}\" is neither a number above 0 nor FROM:TO, like \"100:5000\"";
    }

    private static bool Positive(string text, out double value) =>
        double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out value) && value is > 0 and <= 1e9;

    private static bool Number(string text, (string Unit, long Length)[] units, out long value)
    {
        value = 0;
        int digits = text.AsSpan().IndexOfAnyExcept(NumberCharacters);
        digits = digits < 0 ? text.Length : digits;
        foreach ((string unit, long length) in units)
        {
            if (text.AsSpan(digits).SequenceEqual(unit) && double.TryParse(text.AsSpan(0, digits), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double number)
                && number * length < long.MaxValue / 2)
            {
                value = (long)(number * length);
                return true;
            }
        }

        return false;
    }
}
