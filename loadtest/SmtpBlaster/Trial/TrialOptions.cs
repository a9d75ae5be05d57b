using SmtpBlaster.Sink;
using SmtpBlaster.Source;

namespace SmtpBlaster.Trial;

/// <summary>A source, a sink, and the relay between them.</summary>
internal sealed record TrialOptions(SourceOptions Source, SinkOptions Sink)
{
    /// <summary>Empty: it runs already.</summary>
    public IReadOnlyList<string> Relay { get; init; } = [];

    public string? RelayLog { get; init; }

    public TimeSpan StartTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>What was acknowledged and hasn't come is lost when for so long nothing has come.</summary>
    public TimeSpan Settle { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long duplicates are watched for when everything has come.</summary>
    public TimeSpan Linger { get; init; } = TimeSpan.FromSeconds(1);
}
