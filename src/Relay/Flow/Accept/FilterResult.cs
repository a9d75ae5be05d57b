using Relay.Dkim;
using Relay.Protocol.Smtp;

namespace Relay.Flow.Accept;

/// <summary>What the milters made of a message: what signs it and what is to be known of its content now; and whether it is refused, thrown away (by whom), or held (by whom, and why).</summary>
internal readonly record struct FilterResult(MessageSigning? Signing, EnvelopeFlags Flags)
{
    public Reply? Refusal { get; init; }

    public string? DiscardedBy { get; init; }

    public (string Milter, string Reason)? HeldBy { get; init; }
}
