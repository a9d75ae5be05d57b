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

    [LoggerMessage(120, LogLevel.Information, "{Client} user {User} is over {Limit}: {Reply}")]
    public static partial void UserLimited(ILogger log, IPEndPoint client, string user, string limit, string reply);

    [LoggerMessage(121, LogLevel.Warning, "what users have sent is not known from before: {Path}: {Reason}")]
    public static partial void UsageNotRead(ILogger log, string path, string reason);

    [LoggerMessage(122, LogLevel.Warning, "what users have sent could not be written down: {Path}: {Reason}")]
    public static partial void UsageNotKept(ILogger log, string path, string reason);

    [LoggerMessage(123, LogLevel.Debug, "an access token was refused: {Reason}")]
    public static partial void TokenRefused(ILogger log, string reason);

    [LoggerMessage(124, LogLevel.Warning, "the keys of access tokens could not be fetched from {Url}: {Reason}; those known before stay")]
    public static partial void KeysNotFetched(ILogger log, Uri url, string reason);

    [LoggerMessage(125, LogLevel.Warning, "Dovecot's auth socket {Path} can't be used: {Reason}")]
    public static partial void DovecotAway(ILogger log, string path, string reason);

    [LoggerMessage(126, LogLevel.Information, "Dovecot's auth socket {Path} offers {Mechanisms}")]
    public static partial void DovecotReady(ILogger log, string path, string mechanisms);
}
