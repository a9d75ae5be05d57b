using System.Net.Security;

namespace Relay.Flow;

/// <summary>
/// The one decision on TLS for what goes to a host: what is demanded, by whom, and how the host proves who it is. Made with the route, kept in each record of a delivery. Equal by value, so that connections
/// are shared by deliveries that demand the same.
/// </summary>
internal sealed record TlsPolicy(OutboundTls Level, TlsPolicyKind Kind = TlsPolicyKind.Configured)
{
    /// <summary>The records that the host's certificate is held against; null: its name.</summary>
    public DaneRecords? Dane { get; init; }

    /// <summary>The name of the host that was found by DNSSEC, by MTA-STS or in the configuration: nobody can have put another in its place.</summary>
    public bool IsNameSure { get; init; }

    /// <summary>Nothing may be sent to this host, and why.</summary>
    public TlsRefusal? Refusal { get; init; }

    /// <summary>Shown to a host that asks who we are; null: nothing is. Equal only to itself: read anew, it makes connections that aren't shared with those of before.</summary>
    public SslStreamCertificateContext? Certificate { get; init; }

    /// <summary>As the delivery log and the queue's listings name it.</summary>
    public string Word => Kind switch
    {
        TlsPolicyKind.MtaStsTesting => "mta-sts-testing",
        TlsPolicyKind.MtaSts => "mta-sts",
        TlsPolicyKind.Dane => "dane",
        TlsPolicyKind.DaneUnusable => "dane-unusable",
        _ => Level switch
        {
            OutboundTls.None => "none",
            OutboundTls.Opportunistic => "opportunistic",
            OutboundTls.Required => "required",
            _ => "verified",
        },
    };
}
