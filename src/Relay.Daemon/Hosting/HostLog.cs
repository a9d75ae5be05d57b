using System.Net;
using Microsoft.Extensions.Logging;

namespace Relay.Daemon.Hosting;

/// <summary>Log lines of the process; events 800 to 899.</summary>
internal static partial class HostLog
{
    [LoggerMessage(800, LogLevel.Information, "connections limited to {Limit} (configured {Configured}, open files {OpenFiles})")]
    public static partial void ConnectionLimit(ILogger log, int limit, int configured, long openFiles);

    [LoggerMessage(809, LogLevel.Information, "messages in memory limited to {Limit} (configured {Configured}, memory {Mebibytes} MiB)")]
    public static partial void MemoryLimit(ILogger log, int limit, int configured, long mebibytes);

    [LoggerMessage(801, LogLevel.Information, "stopping")]
    public static partial void Stopping(ILogger log);

    [LoggerMessage(802, LogLevel.Warning, "connections that did not end within the grace time were cut")]
    public static partial void Cut(ILogger log);

    [LoggerMessage(803, LogLevel.Information, "configuration reloaded")]
    public static partial void Reloaded(ILogger log);

    [LoggerMessage(804, LogLevel.Error, "reload refused, the old configuration goes on: {Error}")]
    public static partial void ReloadRefused(ILogger log, string error);

    [LoggerMessage(805, LogLevel.Warning, "{Section} has changed: needs restart")]
    public static partial void NeedsRestart(ILogger log, string section);

    [LoggerMessage(806, LogLevel.Warning, "durability=os: a power cut may lose acknowledged mail")]
    public static partial void NotSynced(ILogger log);

    [LoggerMessage(808, LogLevel.Warning, "there is no admin token, so /queue and /why answer nobody: {Reason}")]
    public static partial void NoToken(ILogger log, string reason);

    [LoggerMessage(807, LogLevel.Error, "{EndPoint}: clients wait because none can be accepted: {Reason}")]
    public static partial void AcceptFailed(ILogger log, EndPoint endPoint, string reason);
}
