namespace Relay.Flow;

/// <summary>What is demanded of TLS for some domains' mail. The first rule that matches a domain wins.</summary>
public sealed record TlsRule
{
    /// <summary>The recipients' domain, "*.domain" for everything below it, or "*". Lower case.</summary>
    public string Domain { get; init; } = "*";

    public OutboundTls Tls { get; init; } = OutboundTls.Opportunistic;
}
