using Relay.Protocol.Smtp;

namespace Relay.Flow.Milter;

/// <summary>What comes of asking a milter: the session goes on, the client is refused, or (<see cref="IsDiscard"/>) what it sends is taken and thrown away.</summary>
internal readonly record struct MilterVerdict(Reply? Refusal, bool IsDiscard = false)
{
    public static MilterVerdict Continue => default;

    public bool IsContinue => Refusal is null && !IsDiscard;
}
