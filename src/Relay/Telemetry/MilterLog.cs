using System.Net;
using Microsoft.Extensions.Logging;

namespace Relay.Telemetry;

/// <summary>Log lines of what milters do; events 150 to 199. Whatever came from a milter has gone through <see cref="LogText"/>.</summary>
internal static partial class MilterLog
{
    [LoggerMessage(170, LogLevel.Warning, "milter {Name} failed at {Stage}: {Reason}; on_failure is {OnFailure}")]
    public static partial void Failed(ILogger log, string name, string stage, string reason, string onFailure);

    [LoggerMessage(171, LogLevel.Information, "milter {Name} is back after {Failures} failures")]
    public static partial void Recovered(ILogger log, string name, long failures);

    [LoggerMessage(172, LogLevel.Information, "{Client} message {Id} thrown away: {Why}")]
    public static partial void Discarded(ILogger log, IPEndPoint client, string id, string why);

    [LoggerMessage(173, LogLevel.Information, "{Client} message {Id} held by milter {Name}: {Reason}")]
    public static partial void Held(ILogger log, IPEndPoint client, string id, string name, string reason);
}
