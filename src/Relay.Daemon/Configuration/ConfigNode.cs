namespace Relay.Daemon.Configuration;

/// <summary>A value in the file and where it stands. Which of the properties are filled depends on <see cref="Kind"/>.</summary>
internal sealed class ConfigNode(ConfigKind kind, Position position)
{
    public ConfigKind Kind { get; } = kind;

    public Position Position { get; set; } = position;

    public string Text { get; init; } = "";

    public long Integer { get; init; }

    public bool Boolean { get; init; }

    /// <summary>Of an array.</summary>
    public List<ConfigNode> Items { get; } = [];

    /// <summary>Of a table, in the order of the file.</summary>
    public List<ConfigEntry> Entries { get; } = [];

    /// <summary>For messages: "a string".</summary>
    public string Description => Kind switch
    {
        ConfigKind.Table => "a table",
        ConfigKind.Array => "a list",
        ConfigKind.String => "a string",
        ConfigKind.Integer => "a number",
        ConfigKind.Boolean => "true or false",
        _ => "a fraction or a date",
    };
}
