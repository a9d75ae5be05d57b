using Relay.Protocol.Smtp;

namespace Relay.Flow.Send;

/// <summary>A reply, or why none came. <see cref="Failure"/> is null exactly when there is one. <see cref="IsMalformed"/>: something came that is none.</summary>
internal readonly record struct ReplyRead(PeerReply Reply, string? Failure, bool IsMalformed = false);
