namespace Relay.Flow.Policy;

/// <summary>What is kept of a <see cref="UserUsage"/>: of each window pairs of a piece's number and its count.</summary>
internal sealed record UsageRecord(long[] MessagesHour, long[] MessagesDay, long[] RecipientsHour, long[] RecipientsDay);
