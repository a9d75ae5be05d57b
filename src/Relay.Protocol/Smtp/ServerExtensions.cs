using Relay.Protocol.Sasl;

namespace Relay.Protocol.Smtp;

/// <summary>
/// What a server offers in its reply to EHLO. The default value is a server that offers nothing, as after HELO. Keywords without a place in <see cref="Extensions"/> are left out.
/// <see cref="SizeLimit"/> is the largest message it takes: 0 when it names no limit (RFC 1870 §4), null when it doesn't know SIZE.
/// </summary>
public readonly record struct ServerExtensions(Extensions Offered, long? SizeLimit)
{
    /// <summary>LIMITS RCPTMAX: recipients of a transaction; null when no such limit was named, as with the two others (RFC 9422 §4).</summary>
    public int? RecipientLimit { get; init; }

    /// <summary>LIMITS MAILMAX: transactions on a connection.</summary>
    public int? MailLimit { get; init; }

    /// <summary>LIMITS RCPTDOMAINMAX: different domains among the recipients of a transaction.</summary>
    public int? RecipientDomainLimit { get; init; }

    /// <summary>AUTH: those of the mechanisms it offers that we know.</summary>
    public SaslMechanisms Mechanisms { get; init; }

    public bool Pipelining => (Offered & Extensions.Pipelining) != 0;

    public bool EightBitMime => (Offered & Extensions.EightBitMime) != 0;

    public bool EnhancedStatusCodes => (Offered & Extensions.EnhancedStatusCodes) != 0;

    public bool StartTls => (Offered & Extensions.StartTls) != 0;

    public bool SmtpUtf8 => (Offered & Extensions.SmtpUtf8) != 0;

    public bool Chunking => (Offered & Extensions.Chunking) != 0;

    public bool BinaryMime => (Offered & Extensions.BinaryMime) != 0;

    public bool Dsn => (Offered & Extensions.Dsn) != 0;

    public bool RequireTls => (Offered & Extensions.RequireTls) != 0;

    public bool DeliverBy => (Offered & Extensions.DeliverBy) != 0;

    public bool FutureRelease => (Offered & Extensions.FutureRelease) != 0;

    public bool MtPriority => (Offered & Extensions.MtPriority) != 0;
}
