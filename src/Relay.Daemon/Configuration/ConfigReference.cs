using System.Globalization;
using System.Text;

namespace Relay.Daemon.Configuration;

/// <summary>The reference of the configuration file as Markdown; it stands in the documentation as this makes it.</summary>
internal static class ConfigReference
{
    public static string Generate()
    {
        var draft = new ConfigDraft("/");
        var text = new StringBuilder();
        foreach (ConfigSection section in ConfigTable.Sections)
        {
            section.Items?.Add(draft);
            text.Append(CultureInfo.InvariantCulture, $"{(text.Length == 0 ? "" : "\n")}{(section.Name.Length == 0 ? section.Doc : $"**`{section.Header}`** {section.Doc}")}\n\n");
            text.Append("| key | type | default | meaning |\n|---|---|---|---|\n");
            foreach (ConfigKey key in section.Keys)
            {
                text.Append(CultureInfo.InvariantCulture, $"| `{key.Name}` | {key.TypeName} | {Default(key, draft)} | {key.Doc} |\n");
            }
        }

        return text.ToString();
    }

    private static string Default(ConfigKey key, ConfigDraft draft) => key.DefaultNote ?? (key.Write(draft) is { } value ? $"`{value}`" : "required");
}
