using Microsoft.Extensions.Logging;

namespace Relay.Daemon.Configuration;

/// <summary>What is logged to standard error. Applies at once on a reload.</summary>
internal sealed record LogOptions
{
    public LogLevel Level { get; init; } = LogLevel.Information;
}
