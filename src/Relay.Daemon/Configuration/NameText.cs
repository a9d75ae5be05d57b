namespace Relay.Daemon.Configuration;

/// <summary>Words of the operator's own, which stand in reports and logs and as labels of metrics.</summary>
internal static class NameText
{
    public const string Pattern = "^[A-Za-z0-9._-]{1,64}$";

    /// <summary>Null, or what is wrong.</summary>
    public static string? Parse(string text, out string value)
    {
        value = text;
        return text.Length is > 0 and <= 64 && text.All(static c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.') ? null
            : $"\"{text}\" is not a name: write 1 to 64 letters, digits, hyphens, dots and underscores, like \"shop\"";
    }
}
