using System.Globalization;

namespace Relay.Daemon.Configuration;

/// <summary>Sizes as text: a whole number and a unit, "25MiB" (1024²), "10MB" (1000²), or the number of octets alone.</summary>
internal static class SizeText
{
    private static readonly (string Unit, long Length)[] Units =
        [("GiB", 1L << 30), ("MiB", 1L << 20), ("KiB", 1L << 10), ("GB", 1_000_000_000), ("MB", 1_000_000), ("KB", 1000), ("B", 1), ("", 1)];

    /// <summary>Null, or what is wrong.</summary>
    public static string? Parse(string text, out long value)
    {
        value = 0;
        int digits = text.AsSpan().IndexOfAnyExceptInRange('0', '9');
        digits = digits < 0 ? text.Length : digits;
        if (digits > 0)
        {
            foreach ((string unit, long length) in Units)
            {
                if (text.AsSpan(digits).SequenceEqual(unit)
                    && long.TryParse(text.AsSpan(0, digits), NumberStyles.None, CultureInfo.InvariantCulture, out long number)
                    && number <= long.MaxValue / length)
                {
                    value = number * length;
                    return null;
                }
            }
        }

        return $"\"{text}\" is not a size: write a whole number and B, KB, MB, GB, KiB, MiB or GiB, like \"25MiB\"";
    }

    public static string Format(long value)
    {
        foreach ((string unit, long length) in Units)
        {
            if (value % length == 0 && value != 0)
            {
                return string.Create(CultureInfo.InvariantCulture, $"{value / length}{unit}");
            }
        }

        return "0B";
    }
}
