namespace Relay.Daemon.Configuration;

/// <summary>What came of reading a configuration: the options, or everything that is wrong, in the order of the file.</summary>
internal sealed record ConfigResult(DaemonOptions? Options, IReadOnlyList<ConfigError> Errors);
