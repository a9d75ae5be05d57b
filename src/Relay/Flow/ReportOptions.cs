namespace Relay.Flow;

/// <summary>What senders are told of their mail, and how.</summary>
public sealed record ReportOptions
{
    /// <summary>One of ReportTexts.Languages.</summary>
    public string Language { get; init; } = "en";

    /// <summary>Texts that take the place of ours, by their names.</summary>
    public IReadOnlyDictionary<string, string> Texts { get; init; } = new Dictionary<string, string>();

    /// <summary>The largest message that comes back whole to who asks for it (RET=FULL), in octets; of others the header does.</summary>
    public long FullSize { get; init; } = 50 * 1024;

    /// <summary>After how long a sender who asked for it (NOTIFY=DELAY) is told that mail is late; zero: never.</summary>
    public TimeSpan DelayAfter { get; init; } = TimeSpan.FromHours(4);
}
