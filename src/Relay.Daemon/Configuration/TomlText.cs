using System.Globalization;
using System.Text;

namespace Relay.Daemon.Configuration;

/// <summary>Writes TOML.</summary>
internal static class TomlText
{
    /// <summary>A basic string (TOML 1.0, "String").</summary>
    public static string Quote(string text)
    {
        var quoted = new StringBuilder(text.Length + 2).Append('"');
        foreach (char c in text)
        {
            _ = c switch
            {
                '"' or '\\' => quoted.Append('\\').Append(c),
                < ' ' or '\x7f' => quoted.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:X4}"),
                _ => quoted.Append(c),
            };
        }

        return quoted.Append('"').ToString();
    }
}
