namespace Relay.Daemon.Configuration;

/// <summary>A table of the file and its keys. The one without a name is the top of the file.</summary>
internal sealed record ConfigSection(string Name, string Doc, IReadOnlyList<ConfigKey> Keys)
{
    /// <summary>For a table that may stand there many times.</summary>
    public SectionItems? Items { get; init; }

    /// <summary>As it stands in the file.</summary>
    public string Header => Items is null ? $"[{Name}]" : $"[[{Name}]]";
}
