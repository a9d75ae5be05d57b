using System.Text.Json.Nodes;

namespace Relay.Daemon.Configuration;

/// <summary>
/// One key of the configuration file: the only place where its name, type, default, meaning and the option behind it stand together. The reader, `relay check`,
/// the JSON schema and the reference are all made from it.
/// </summary>
internal sealed class ConfigKey
{
    private ConfigKey(string name, string typeName, string doc, Action<ConfigNode, ConfigReader, ConfigDraft> read, Func<ConfigDraft, string?> write, JsonObject schema)
    {
        Name = name;
        TypeName = typeName;
        Doc = doc;
        Read = read;
        Write = write;
        Schema = schema;
    }

    public string Name { get; }

    public string TypeName { get; }

    public string Doc { get; }

    /// <summary>Words for a default that no value can show; null when the value of an untouched draft says it.</summary>
    public string? DefaultNote { get; init; }

    /// <summary>An entry of [[listener]] or [[route]] makes no sense without it.</summary>
    public bool Required { get; init; }

    public Action<ConfigNode, ConfigReader, ConfigDraft> Read { get; }

    /// <summary>The value as TOML, or null when there is none.</summary>
    public Func<ConfigDraft, string?> Write { get; }

    public JsonObject Schema { get; }

    /// <summary><paramref name="get"/> gives null when there is no value.</summary>
    public static ConfigKey Of<T>(string name, ConfigType<T> type, Func<ConfigDraft, object?> get, Action<ConfigDraft, T> set, string doc, string? defaultNote = null, bool required = false) =>
        new(name, type.Name, doc,
            (node, reader, draft) =>
            {
                if (type.TryRead(node, reader, out T value))
                {
                    set(draft, value);
                }
            },
            draft => get(draft) is T value ? type.Format(value) : null,
            type.Schema())
        {
            DefaultNote = defaultNote,
            Required = required,
        };
}
