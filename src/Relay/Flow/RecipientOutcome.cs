using Relay.Protocol.Smtp;

namespace Relay.Flow;

/// <summary>What an attempt came to for one recipient, and the answer that says why: the next hop's own, or one of ours where no server answered.</summary>
internal readonly record struct RecipientOutcome(OutcomeKind Kind, PeerReply Reply)
{
    /// <summary>What kind of answer it is, where it isn't a yes; found when the attempt is settled.</summary>
    public FailureClass Class { get; init; }
}
