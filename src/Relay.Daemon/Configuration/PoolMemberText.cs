using System.Globalization;

namespace Relay.Daemon.Configuration;

/// <summary>The members of a pool: "name" or "name:weight".</summary>
internal static class PoolMemberText
{
    private const int MaximumWeight = 1000;

    /// <summary>Null, or what is wrong.</summary>
    public static string? Parse(string text, out PoolMember value)
    {
        int colon = text.IndexOf(':', StringComparison.Ordinal);
        int weight = 1;
        value = default;
        if (colon >= 0 && (!int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out weight) || weight is < 1 or > MaximumWeight))
        {
            return string.Create(CultureInfo.InvariantCulture, $"\"{text}\" has no weight from 1 to {MaximumWeight} behind its colon");
        }

        string? error = NameText.Parse(colon < 0 ? text : text[..colon], out string name);
        value = new PoolMember(name, weight);
        return error;
    }

    public static string Format(PoolMember member) => member.Weight == 1 ? member.Source : string.Create(CultureInfo.InvariantCulture, $"{member.Source}:{member.Weight}");
}
