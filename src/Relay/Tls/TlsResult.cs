namespace Relay.Tls;

/// <summary>A handshake's outcome: the pipe, or why there is none, in one line for the log; and the certificate that the client has shown, when it was asked. <see cref="IsBusy"/>: there was too much to do.</summary>
internal readonly record struct TlsResult(TlsPipe? Pipe, string Failure, ClientCertificate? Client = null, bool IsBusy = false);
