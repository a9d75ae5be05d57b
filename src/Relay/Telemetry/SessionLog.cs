using System.Net;
using Microsoft.Extensions.Logging;

namespace Relay.Telemetry;

/// <summary>Log lines of the accept stage; events 100 to 199. Whatever came from a peer has gone through <see cref="LogText"/>.</summary>
internal static partial class SessionLog
{
    [LoggerMessage(100, LogLevel.Debug, "{Client} connection ended: {End}")]
    public static partial void Ended(ILogger log, IPEndPoint client, Enum end);

    [LoggerMessage(101, LogLevel.Critical, "{Client} session failed")]
    public static partial void Faulted(ILogger log, IPEndPoint client, Exception exception);

    [LoggerMessage(102, LogLevel.Information, "{Client} TLS handshake failed: {Reason}")]
    public static partial void TlsFailed(ILogger log, IPEndPoint client, string reason);

    [LoggerMessage(103, LogLevel.Information, "{Client} {Recipient} refused: {Reply}")]
    public static partial void RecipientRefused(ILogger log, IPEndPoint client, string recipient, string reply);

    [LoggerMessage(104, LogLevel.Warning, "{Client} message {Id} not accepted: {Reply}")]
    public static partial void MessageRefused(ILogger log, IPEndPoint client, string id, string reply);

    [LoggerMessage(106, LogLevel.Debug, "{Client} shows the certificate sha256:{Fingerprint}; an authority vouches for it: {Verified}")]
    public static partial void ClientCertificate(ILogger log, IPEndPoint client, string fingerprint, bool verified);

    [LoggerMessage(105, LogLevel.Information, "{Client} closed after a protocol violation: {What}")]
    public static partial void Violation(ILogger log, IPEndPoint client, string what);
}
