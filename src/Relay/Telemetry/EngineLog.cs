using Microsoft.Extensions.Logging;

namespace Relay.Telemetry;

/// <summary>Log lines of the engine as a whole; events 1 to 99.</summary>
internal static partial class EngineLog
{
    [LoggerMessage(1, LogLevel.Warning, "no [tls] certificate is configured: a self-signed one for {Hostname} was made, which clients that verify will refuse")]
    public static partial void SelfSigned(ILogger log, string hostname);

    [LoggerMessage(2, LogLevel.Critical, "the search for undelivered mail ended by our own fault after {Found} messages; the rest stays in the spool until a restart")]
    public static partial void NotRecovered(ILogger log, int found, Exception exception);

    [LoggerMessage(3, LogLevel.Critical, "mail that waits on disk alone isn't read back any more, by our own fault; {Parked} messages stay in the spool until a restart")]
    public static partial void NotReadBack(ILogger log, long parked, Exception exception);
}
