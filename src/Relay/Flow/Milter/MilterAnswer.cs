using Relay.Protocol.Milter;
using Relay.Protocol.Smtp;

namespace Relay.Flow.Milter;

/// <summary>What a milter said in the end, or how it failed: one of the two. <see cref="Reply"/> comes with <see cref="MilterReplyKind.ReplyCode"/>.</summary>
internal readonly record struct MilterAnswer(MilterReplyKind Kind, Reply? Reply = null, MilterFailure? Failure = null)
{
    public static MilterAnswer Continue => new(MilterReplyKind.Continue);

    public static implicit operator MilterAnswer(MilterFailure failure) => new(MilterReplyKind.None, Failure: failure);
}
