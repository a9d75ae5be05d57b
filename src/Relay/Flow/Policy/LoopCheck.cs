using Relay.Protocol.Smtp;

namespace Relay.Flow.Policy;

/// <summary>RFC 5321 §6.3: a message that has been through very many hosts is going round in a circle.</summary>
internal static class LoopCheck
{
    /// <summary>The RFC's own figure for the least that a limit may be.</summary>
    public const int MaximumHops = 100;

    /// <summary>Null, or the refusal for a message that came with so many Received fields.</summary>
    public static Reply? Refusal(int receivedFields) => receivedFields >= MaximumHops ? Replies.LoopDetected554 : null;
}
