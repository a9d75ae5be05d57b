using Microsoft.Extensions.Logging;

namespace Relay.Telemetry;

/// <summary>What the delivery log has to say about itself; events 900 to 949.</summary>
internal static partial class DeliveryLogEvents
{
    [LoggerMessage(900, LogLevel.Error, "the delivery log {Path} can't be written, mail flows on without it: {Reason}")]
    public static partial void Failed(ILogger log, string path, string reason);

    [LoggerMessage(901, LogLevel.Warning, "the delivery log {Path} is written again")]
    public static partial void Recovered(ILogger log, string path);

    [LoggerMessage(902, LogLevel.Error, "records are lost because the delivery log {Path} isn't taken by its disk; relay_delivery_log_dropped_total counts them")]
    public static partial void Dropping(ILogger log, string path);

    [LoggerMessage(903, LogLevel.Error, "the delivery log {Path} was not written to its end: its disk hangs")]
    public static partial void NotClosed(ILogger log, string path);
}
