using Relay.Flow.Policy;

namespace Relay.Daemon.Configuration;

/// <summary>A whole configuration, validated: what <see cref="ConfigFile"/> makes of a file, immutable.</summary>
internal sealed record DaemonOptions
{
    public required EngineOptions Engine { get; init; }

    public required AdminOptions Admin { get; init; }

    public required LogOptions Log { get; init; }

    /// <summary>Where the engine's list of recipients was read from.</summary>
    public string? RecipientsPath { get; init; }

    /// <summary>Where the engine's accounts were read from.</summary>
    public string? UsersPath { get; init; }

    /// <summary>Where the networks that nothing is done against, and those that are turned away, were read from.</summary>
    public string? AllowPath { get; init; }

    public string? DenyPath { get; init; }

    /// <summary>What users may send whose own values don't say it; it is in the engine's accounts already.</summary>
    public UserLimits UserLimits { get; init; } = UserLimits.None;

    public IReadOnlyList<SenderTemplate> Senders { get; init; } = [];

    /// <summary>The file or URL of the keys of tokens.</summary>
    public string? TokenKeysPlace { get; init; }

    /// <summary>Where texts and rules of reports were read from, for what is printed; what they say is in the engine's options.</summary>
    public string? ReportTextsPath { get; init; }

    public string? ClassesPath { get; init; }
}
