using System.Globalization;
using System.Text;

namespace Relay.Daemon.Configuration;

/// <summary>Takes a tree of values into a draft by way of <see cref="ConfigTable"/>, and gathers everything that is wrong. One use.</summary>
internal sealed class ConfigReader(string file, string folder, Func<string, string?> environment, List<ConfigError> errors)
{
    /// <summary>Where relative paths begin.</summary>
    public string Folder { get; } = folder;

    public void Fail(Position position, string message) => errors.Add(new ConfigError(file, position, message));

    public void Read(ConfigNode root, ConfigDraft draft) => ReadTable(root, ConfigTable.Sections[0], "", draft);

    /// <summary>The text of a string with ${NAME} replaced. False when that can't be done; it has been told then.</summary>
    public bool TryExpand(ConfigNode node, out string text)
    {
        text = node.Text;
        if (!text.Contains("${", StringComparison.Ordinal))
        {
            return true;
        }

        var expanded = new StringBuilder();
        int at = 0;
        for (int open; (open = text.IndexOf("${", at, StringComparison.Ordinal)) >= 0;)
        {
            int close = text.IndexOf('}', open);
            if (close < 0)
            {
                Fail(node.Position, $"\"{text}\" has no }} behind its ${{: write the name of an environment variable as ${{NAME}}");
                return false;
            }

            string name = text[(open + 2)..close];
            if (environment(name) is not { } value)
            {
                Fail(node.Position, $"the environment has no variable {name}: set it, or write the value here");
                return false;
            }

            expanded.Append(text, at, open - at).Append(value);
            at = close + 1;
        }

        text = expanded.Append(text, at, text.Length - at).ToString();
        return true;
    }

    private void ReadTable(ConfigNode table, ConfigSection section, string path, ConfigDraft draft)
    {
        foreach (ConfigEntry entry in table.Entries)
        {
            if (section.Keys.FirstOrDefault(k => k.Name == entry.Name) is { } key)
            {
                draft.Place(path + key.Name, entry.Value.Position);
                key.Read(entry.Value, this, draft);
            }
            else if (ConfigTable.Find(path + entry.Name) is { } inner)
            {
                ReadSection(entry, inner, draft);
            }
            else
            {
                Fail(entry.Position, Unknown(entry, section));
            }
        }
    }

    private void ReadSection(ConfigEntry entry, ConfigSection section, ConfigDraft draft)
    {
        ConfigNode value = entry.Value;
        if (section.Items is not { } items)
        {
            if (value.Kind == ConfigKind.Table)
            {
                ReadTable(value, section, section.Name + ".", draft);
            }
            else
            {
                Fail(entry.Position, $"{entry.Name} is a section: write {section.Header} and its keys below");
            }

            return;
        }

        if (value.Kind != ConfigKind.Array || value.Items.Any(static i => i.Kind != ConfigKind.Table))
        {
            Fail(entry.Position, $"there may be many of {entry.Name}: write {section.Header} and its keys below, once for each");
            return;
        }

        foreach (ConfigNode item in value.Items)
        {
            string name = string.Create(CultureInfo.InvariantCulture, $"{section.Name}[{items.Count(draft)}]");
            draft.Place(name, item.Position);
            items.Add(draft);
            ReadItem(item, section, name + ".", draft);
        }
    }

    private void ReadItem(ConfigNode item, ConfigSection section, string path, ConfigDraft draft)
    {
        ReadTable(item, section, path, draft);
        foreach (ConfigKey key in section.Keys)
        {
            if (key.Required && item.Entries.TrueForAll(e => e.Name != key.Name))
            {
                Fail(item.Position, $"this {section.Header} has no {key.Name}: write {key.Name} = … ({key.TypeName})");
            }
        }
    }

    private static string Unknown(ConfigEntry entry, ConfigSection section)
    {
        string name = entry.Name;
        bool isSection = entry.Value.Kind == ConfigKind.Table || entry.Value.Items.Exists(static i => i.Kind == ConfigKind.Table);
        string unknown = $"unknown {(isSection ? "section" : "key")} {name}";
        string where = section.Name.Length == 0 ? "at the top of the file" : $"in {section.Header}";
        string prefix = section.Name.Length == 0 ? "" : section.Name + ".";
        string[] sections = [.. ConfigTable.Sections
            .Where(s => s.Name.StartsWith(prefix, StringComparison.Ordinal) && s.Name.Length > prefix.Length && !s.Name.AsSpan(prefix.Length).Contains('.'))
            .Select(s => s.Name[prefix.Length..])];
        string[] known = [.. section.Keys.Select(static k => k.Name), .. sections];
        if (Suggestion.Nearest(name, known) is { } near)
        {
            return $"{unknown} {where}: did you mean {near}?";
        }

        // Right key, wrong section.
        if (ConfigTable.Sections.FirstOrDefault(s => s != section && s.Keys.Any(k => k.Name == name)) is { } other)
        {
            return $"{unknown} {where}: it belongs {(other.Name.Length == 0 ? "at the top of the file" : $"into {other.Header}")}";
        }

        return $"{unknown} {where}: known here are {string.Join(", ", known)}";
    }
}
