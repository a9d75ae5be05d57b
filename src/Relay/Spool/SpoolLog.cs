using Microsoft.Extensions.Logging;
using Relay.Protocol.Message;

namespace Relay.Spool;

/// <summary>What the spool tells the operator. Event ids 200 to 299.</summary>
internal static partial class SpoolLog
{
    [LoggerMessage(300, LogLevel.Information, "spool {Folder} open: {Segments} segments, durability {Durability}")]
    internal static partial void Opened(ILogger log, string folder, int segments, Durability durability);

    [LoggerMessage(301, LogLevel.Critical, "spool {Folder} failed, it takes no mail until restart: {Reason}")]
    internal static partial void Failed(ILogger log, string folder, string reason);

    [LoggerMessage(302, LogLevel.Error, "spool {Folder} full, it takes no mail: {Reason}")]
    internal static partial void Full(ILogger log, string folder, string reason);

    [LoggerMessage(303, LogLevel.Information, "spool {Folder} has space again")]
    internal static partial void SpaceAgain(ILogger log, string folder);

    [LoggerMessage(304, LogLevel.Error, "damage in segment {Number} at {Offset}, {Length} octets ({Records} records), set aside in {Copy}")]
    internal static partial void Damage(ILogger log, long number, long offset, long length, long records, string copy);

    [LoggerMessage(305, LogLevel.Error, "damage in segment {Number} at {Offset} couldn't be set aside, the segment is kept: {Reason}")]
    internal static partial void DamageKept(ILogger log, long number, long offset, string reason);

    [LoggerMessage(306, LogLevel.Information, "unfinished batch at the end of segment {Number} dropped: {Records} records that were never acknowledged")]
    internal static partial void TornTail(ILogger log, long number, int records);

    [LoggerMessage(307, LogLevel.Error, "body of {Id} is missing or has another length: its record is set aside")]
    internal static partial void BodyMissing(ILogger log, QueueId id);

    [LoggerMessage(308, LogLevel.Information, "{Count} bodies without a message removed")]
    internal static partial void Orphans(ILogger log, int count);

    [LoggerMessage(309, LogLevel.Warning, "{Name} couldn't be read or belongs to no message, moved to corrupt: {Reason}")]
    internal static partial void MovedAside(ILogger log, string name, string reason);

    [LoggerMessage(310, LogLevel.Warning, "{Path} couldn't be removed: {Reason}")]
    internal static partial void NotRemoved(ILogger log, string path, string reason);

    [LoggerMessage(311, LogLevel.Warning, "body of {Id} couldn't be written: {Reason}")]
    internal static partial void BodyNotWritten(ILogger log, QueueId id, string reason);

    [LoggerMessage(312, LogLevel.Error, "{Octets} octets of settlements couldn't be written for want of space and are forgotten: a restart may deliver again")]
    internal static partial void SettlementsForgotten(ILogger log, int octets);

    [LoggerMessage(313, LogLevel.Warning, "segment {Number} gets no index, a restart will read it whole: {Reason}")]
    internal static partial void NoIndex(ILogger log, long number, string reason);

    [LoggerMessage(314, LogLevel.Debug, "segment {Number} emptied: {Octets} octets of live mail moved on")]
    internal static partial void MovedOut(ILogger log, long number, long octets);

    [LoggerMessage(316, LogLevel.Warning, "spool {Folder}: with {Count} messages the queue in memory is full, what comes now waits on disk alone, and its acknowledgement is slowed")]
    internal static partial void TailBegun(ILogger log, string folder, long count);

    [LoggerMessage(317, LogLevel.Information, "spool {Folder}: no mail waits on disk alone any more")]
    internal static partial void TailEnded(ILogger log, string folder);

    [LoggerMessage(318, LogLevel.Error, "mail that waits on disk alone is damaged in segment {Number} at {Offset}: what is whole is delivered, the segment is kept until a restart")]
    internal static partial void TailDamaged(ILogger log, long number, long offset);

    [LoggerMessage(315, LogLevel.Error, "body of {Id} can't be read, its segment stays: {Reason}")]
    internal static partial void NotMoved(ILogger log, QueueId id, string reason);
}
