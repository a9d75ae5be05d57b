using Microsoft.Extensions.Logging;

namespace Relay.Telemetry;

/// <summary>Log lines of finding the way and its TLS policy; events 400 to 499. Whatever came from a peer has gone through <see cref="LogText"/>.</summary>
internal static partial class RouteLog
{
    [LoggerMessage(400, LogLevel.Warning, "the MTA-STS policy of {Domain} in {Path} can't be read, and mail to it waits until it can be fetched anew: {Reason}")]
    public static partial void PolicyNotRead(ILogger log, string domain, string path, string reason);

    [LoggerMessage(401, LogLevel.Warning, "the MTA-STS policy of {Domain} can't be kept in {Path}, and holds until a restart: {Reason}")]
    public static partial void PolicyNotKept(ILogger log, string domain, string path, string reason);

    [LoggerMessage(403, LogLevel.Warning, "what was counted of TLS in {Path} can't be read, and isn't reported: {Reason}")]
    public static partial void TallyNotRead(ILogger log, string path, string reason);

    [LoggerMessage(404, LogLevel.Warning, "what was counted of TLS can't be kept in {Path}: {Reason}")]
    public static partial void TallyNotKept(ILogger log, string path, string reason);

    [LoggerMessage(405, LogLevel.Critical, "no reports on TLS are sent any more, by our own fault")]
    public static partial void ReportsEnded(ILogger log, Exception exception);

    [LoggerMessage(406, LogLevel.Information, "the report on TLS with {Domain} went to {Place}")]
    public static partial void Reported(ILogger log, string domain, string place);

    [LoggerMessage(407, LogLevel.Information, "the report on TLS with {Domain} can't be sent to {Place}: {Reason}")]
    public static partial void NotReported(ILogger log, string domain, string place, string reason);

    [LoggerMessage(402, LogLevel.Information, "the MTA-STS policy of {Domain} can't be fetched, {Then}: {Reason}")]
    public static partial void PolicyNotFetched(ILogger log, string domain, string then, string reason);
}
