using Relay.Protocol.Smtp;

namespace Relay.Flow.Settle;

/// <summary>A recipient that is given up: its place in the envelope and the answer that says why. <paramref name="IsExpired"/>: not refused, but its time was over.</summary>
internal readonly record struct BounceRecipient(int Recipient, PeerReply Reply, bool IsExpired);
