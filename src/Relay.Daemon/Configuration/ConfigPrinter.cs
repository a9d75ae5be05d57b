using System.Globalization;
using System.Text;

namespace Relay.Daemon.Configuration;

/// <summary>The effective configuration as TOML: every key that has a value, defaults included. It parses back to the same options, but for passwords, which aren't shown.</summary>
internal static class ConfigPrinter
{
    public static string Print(DaemonOptions options)
    {
        var draft = new ConfigDraft(options);
        var text = new StringBuilder();
        foreach (ConfigSection section in ConfigTable.Sections)
        {
            if (section.Items is { } items)
            {
                for (int i = 0; i < items.Count(draft); i++)
                {
                    items.Select(draft, i);
                    Print(section, draft, text);
                }
            }
            else
            {
                Print(section, draft, text);
            }
        }

        return text.ToString();
    }

    private static void Print(ConfigSection section, ConfigDraft draft, StringBuilder text)
    {
        (string Name, string? Value)[] keys = [.. section.Keys.Select(k => (k.Name, k.Write(draft))).Where(static k => k.Item2 is not null)];
        if (keys.Length == 0)
        {
            return;
        }

        if (section.Name.Length > 0)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n{section.Header}\n");
        }

        foreach ((string name, string? value) in keys)
        {
            text.Append(CultureInfo.InvariantCulture, $"{name} = {value}\n");
        }
    }
}
