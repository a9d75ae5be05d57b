using Relay.Protocol.Smtp;

namespace Relay.Flow.Queue;

/// <summary>Until then nothing is tried, and messages are put off for this reason.</summary>
internal sealed record Suspension(PeerReply Reason, DateTimeOffset Until);
