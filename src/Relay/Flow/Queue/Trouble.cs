using Relay.Protocol.Smtp;

namespace Relay.Flow.Queue;

/// <summary>The last answer that put mail for a destination off, for whoever asks why.</summary>
internal sealed record Trouble(PeerReply Reply, DateTimeOffset At, DateTimeOffset Next);
