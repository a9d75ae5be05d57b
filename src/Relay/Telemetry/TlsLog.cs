using Microsoft.Extensions.Logging;

namespace Relay.Telemetry;

/// <summary>Log lines of the certificates of our listeners; events 50 to 69.</summary>
internal static partial class TlsLog
{
    [LoggerMessage(50, LogLevel.Information, "the certificate for {Name} ({File}) has changed and is shown from now on; it expires at {Expires:O}")]
    public static partial void CertificateChanged(ILogger log, string name, string file, DateTimeOffset expires);

    [LoggerMessage(51, LogLevel.Warning, "{File} has changed and can't be used, or not yet: {Reason}; the certificate of before for {Name} is shown until it can")]
    public static partial void CertificateUnusable(ILogger log, string file, string reason, string name);

    [LoggerMessage(52, LogLevel.Warning, "the certificate for {Name} expires at {Expires:O}, in {Days} days")]
    public static partial void CertificateExpires(ILogger log, string name, DateTimeOffset expires, int days);

    [LoggerMessage(53, LogLevel.Error, "the certificate for {Name} has expired at {Expires:O}: clients that verify refuse it")]
    public static partial void CertificateExpired(ILogger log, string name, DateTimeOffset expires);
}
