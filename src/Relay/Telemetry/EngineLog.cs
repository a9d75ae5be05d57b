using Microsoft.Extensions.Logging;

namespace Relay.Telemetry;

/// <summary>Log lines of the engine as a whole; events 1 to 99.</summary>
internal static partial class EngineLog
{
    [LoggerMessage(1, LogLevel.Warning, "no [tls] certificate is configured: a self-signed one for {Hostname} was made, which clients that verify will refuse")]
    public static partial void SelfSigned(ILogger log, string hostname);
}
