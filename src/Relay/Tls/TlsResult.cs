namespace Relay.Tls;

/// <summary>A handshake's outcome: the pipe, or why there is none, in one line for the log.</summary>
internal readonly record struct TlsResult(TlsPipe? Pipe, string Failure);
