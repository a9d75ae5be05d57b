namespace Relay.Daemon.Probe;

/// <summary>Whom to probe and how. <see cref="Domain"/> is one that the server is responsible for, <see cref="EndOfData"/> a mailbox for messages of a line; null where none was given.</summary>
internal sealed record ProbeOptions(string Host, int Port)
{
    public required string From { get; init; }

    public required string To { get; init; }

    public string? Domain { get; init; }

    public string? EndOfData { get; init; }

    public ProbeTls Tls { get; init; }

    /// <summary>For each step: a connection, a handshake, an answer.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Before each connection but the first.</summary>
    public TimeSpan Pause { get; init; }
}
