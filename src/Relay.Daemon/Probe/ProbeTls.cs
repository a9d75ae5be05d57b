namespace Relay.Daemon.Probe;

/// <summary>How the tricks are spoken. The checks of TLS make connections of their own.</summary>
internal enum ProbeTls
{
    None,
    StartTls,
    Implicit,
}
