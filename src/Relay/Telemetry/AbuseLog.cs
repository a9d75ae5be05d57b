using System.Net;
using Microsoft.Extensions.Logging;

namespace Relay.Telemetry;

/// <summary>Log lines of what is done against abuse; events 150 to 199. Whatever came from a peer has gone through <see cref="LogText"/>.</summary>
internal static partial class AbuseLog
{
    [LoggerMessage(150, LogLevel.Warning, "{Address} is banned until {Until:u}, after {Count} too many: {Reason} (ban {Bans}; {Missed} other bans weren't logged)")]
    public static partial void Banned(ILogger log, string address, DateTimeOffset until, int count, string reason, int bans, int missed);

    [LoggerMessage(151, LogLevel.Information, "{Client} refused: {Reason} ({Missed} others weren't logged)")]
    public static partial void Refused(ILogger log, IPAddress client, string reason, int missed);

    [LoggerMessage(152, LogLevel.Warning, "the ban in line {Line} of {Path} makes no sense and is left out")]
    public static partial void BanNotRead(ILogger log, string path, int line);

    [LoggerMessage(153, LogLevel.Warning, "the bans in {Path} can't be read, and aren't kept over the restart: {Reason}")]
    public static partial void BansNotRead(ILogger log, string path, string reason);

    [LoggerMessage(154, LogLevel.Warning, "bans can't be kept in {Path}, and hold until a restart: {Reason}")]
    public static partial void BansNotKept(ILogger log, string path, string reason);

    [LoggerMessage(155, LogLevel.Warning, "the DNS list {Zone} isn't used until it answers as RFC 5782 wants: {Reason}")]
    public static partial void ListUnusable(ILogger log, string zone, string reason);

    [LoggerMessage(156, LogLevel.Information, "the DNS list {Zone} answers its tests, and is used")]
    public static partial void ListUsable(ILogger log, string zone);

    [LoggerMessage(157, LogLevel.Critical, "bans aren't kept and DNS lists aren't tested any more, by our own fault")]
    public static partial void KeepingEnded(ILogger log, Exception exception);

    [LoggerMessage(158, LogLevel.Information, "{Client} is listed and let in, as dnsbl_action says: {Reason} ({Missed} others weren't logged)")]
    public static partial void Marked(ILogger log, IPAddress client, string reason, int missed);

    [LoggerMessage(159, LogLevel.Information, "{Who} lifted {Count} bans: {What}")]
    public static partial void Lifted(ILogger log, string who, int count, string what);
}
