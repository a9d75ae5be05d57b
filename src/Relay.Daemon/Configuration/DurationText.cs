using System.Globalization;

namespace Relay.Daemon.Configuration;

/// <summary>Durations as text: a whole number and one unit, "250ms", "30s", "5m", "4h", "5d".</summary>
internal static class DurationText
{
    // Largest first, as they are written.
    private static readonly (string Unit, TimeSpan Length)[] Units =
        [("d", TimeSpan.FromDays(1)), ("h", TimeSpan.FromHours(1)), ("m", TimeSpan.FromMinutes(1)), ("s", TimeSpan.FromSeconds(1)), ("ms", TimeSpan.FromMilliseconds(1))];

    /// <summary>Null, or what is wrong.</summary>
    public static string? Parse(string text, out TimeSpan value)
    {
        value = default;
        int digits = text.AsSpan().IndexOfAnyExceptInRange('0', '9');
        if (digits > 0)
        {
            foreach ((string unit, TimeSpan length) in Units)
            {
                if (text.AsSpan(digits).SequenceEqual(unit)
                    && long.TryParse(text.AsSpan(0, digits), NumberStyles.None, CultureInfo.InvariantCulture, out long number)
                    && number <= TimeSpan.MaxValue.Ticks / length.Ticks)
                {
                    value = length * number;
                    return null;
                }
            }
        }

        return $"\"{text}\" is not a duration: write a whole number and ms, s, m, h or d, like \"30s\" or \"5m\"";
    }

    public static string Format(TimeSpan value)
    {
        foreach ((string unit, TimeSpan length) in Units)
        {
            if (value.Ticks % length.Ticks == 0 && value != TimeSpan.Zero)
            {
                return string.Create(CultureInfo.InvariantCulture, $"{value.Ticks / length.Ticks}{unit}");
            }
        }

        return string.Create(CultureInfo.InvariantCulture, $"{(long)value.TotalMilliseconds}ms");
    }
}
