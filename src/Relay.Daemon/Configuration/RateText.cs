using System.Globalization;
using Relay.Flow;

namespace Relay.Daemon.Configuration;

/// <summary>Rates as text: a number of messages, a slash and a duration, "100/1m".</summary>
internal static class RateText
{
    private const int MaximumMessages = 1_000_000;

    // A day's quota is common; what is longer can't be kept over a restart.
    private static readonly TimeSpan Minimum = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Maximum = TimeSpan.FromDays(1);

    /// <summary>Null, or what is wrong.</summary>
    public static string? Parse(string text, out Rate value)
    {
        value = default;
        int slash = text.IndexOf('/', StringComparison.Ordinal);
        if (slash < 0 || !int.TryParse(text.AsSpan(0, slash), NumberStyles.None, CultureInfo.InvariantCulture, out int messages))
        {
            return $"\"{text}\" is not a rate: write a number of messages, a slash and a duration, like \"100/1m\"";
        }

        if (DurationText.Parse(text[(slash + 1)..], out TimeSpan per) is { } error)
        {
            return error;
        }

        if (messages is < 1 or > MaximumMessages || per < Minimum || per > Maximum)
        {
            return string.Create(CultureInfo.InvariantCulture,
                $"\"{text}\" is out of range: write a rate of 1 to {MaximumMessages} messages in \"{DurationText.Format(Minimum)}\" to \"{DurationText.Format(Maximum)}\"");
        }

        value = new Rate(messages, per);
        return null;
    }

    public static string Format(Rate value) => string.Create(CultureInfo.InvariantCulture, $"{value.Messages}/{DurationText.Format(value.Per)}");
}
