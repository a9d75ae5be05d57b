using Microsoft.Extensions.Logging;

namespace Relay.Telemetry;

/// <summary>Log lines of delivery and settlement; events 200 to 299. Whatever came from a peer has gone through <see cref="LogText"/> or is a cleaned reply.</summary>
internal static partial class SettleLog
{
    [LoggerMessage(200, LogLevel.Information, "{Id} to {Recipient} deferred at {Destination}: {Reply} (next attempt: {Next:u})")]
    public static partial void Deferred(ILogger log, string id, string recipient, string destination, string reply, DateTimeOffset? next);

    [LoggerMessage(209, LogLevel.Information, "{Id} to {Recipient} {Event} at {Destination}: {Reply}")]
    public static partial void Ended(ILogger log, string id, string recipient, string @event, string destination, string reply);

    [LoggerMessage(201, LogLevel.Error, "{Id} the report to its sender could not be stored; the message stays and is tried again")]
    public static partial void ReportNotStored(ILogger log, string id);

    [LoggerMessage(202, LogLevel.Critical, "{Id} delivery failed by our own fault; the message is tried again")]
    public static partial void Faulted(ILogger log, string id, Exception exception);

    [LoggerMessage(203, LogLevel.Error, "{Id} cannot be read from the spool: {Reason}")]
    public static partial void Unreadable(ILogger log, string id, string reason);

    [LoggerMessage(204, LogLevel.Information, "{Count} undelivered messages found in the spool, in {Seconds:F1} s")]
    public static partial void Recovered(ILogger log, int count, double seconds);

    [LoggerMessage(205, LogLevel.Warning, "{Count} deliveries did not end within the grace time; their messages stay in the spool")]
    public static partial void NotEnded(ILogger log, int count);

    [LoggerMessage(207, LogLevel.Warning, "{Id} to {Recipient} is a report that can't be delivered, and ends here: {Reply}")]
    public static partial void DeadLetter(ILogger log, string id, string recipient, string reply);

    [LoggerMessage(208, LogLevel.Information, "{Site}: {From} -> {To} connections at a time, because of: {Saw}")]
    public static partial void LimitChanged(ILogger log, string site, int from, int to, string saw);

    [LoggerMessage(220, LogLevel.Warning, "no connection can be made from source {Source}, and its mail waits: {Reason}")]
    public static partial void SourceUnusable(ILogger log, string source, string reason);

    [LoggerMessage(221, LogLevel.Warning, "{Host} didn't let us log in as {User}, and its mail waits: {Reason}")]
    public static partial void NotLoggedIn(ILogger log, string host, string user, string reason);

    [LoggerMessage(210, LogLevel.Warning, "TLS with {Host} ({Address}) doesn't come about, and mail goes there in clear for an hour: {Reason}")]
    public static partial void TlsBroken(ILogger log, string host, System.Net.EndPoint address, string reason);

    [LoggerMessage(222, LogLevel.Information, "{Who} ordered {Order} for {Selector}: {Count} messages ({Parked} that wait on disk alone were not looked at)")]
    public static partial void Ordered(ILogger log, string who, string order, string selector, long count, long parked);

    [LoggerMessage(206, LogLevel.Error, "{Id}: the report of {What} to its sender could not be stored; it goes on without")]
    public static partial void NotReported(ILogger log, string id, string what);
}
