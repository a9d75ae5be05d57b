using Microsoft.Extensions.Logging;

namespace Relay.Telemetry;

/// <summary>Log lines of finding the way and its TLS policy; events 300 to 349. Whatever came from a peer has gone through <see cref="LogText"/>.</summary>
internal static partial class RouteLog
{
    [LoggerMessage(300, LogLevel.Warning, "the MTA-STS policy of {Domain} in {Path} can't be read, and mail to it waits until it can be fetched anew: {Reason}")]
    public static partial void PolicyNotRead(ILogger log, string domain, string path, string reason);

    [LoggerMessage(301, LogLevel.Warning, "the MTA-STS policy of {Domain} can't be kept in {Path}, and holds until a restart: {Reason}")]
    public static partial void PolicyNotKept(ILogger log, string domain, string path, string reason);

    [LoggerMessage(302, LogLevel.Information, "the MTA-STS policy of {Domain} can't be fetched, {Then}: {Reason}")]
    public static partial void PolicyNotFetched(ILogger log, string domain, string then, string reason);
}
