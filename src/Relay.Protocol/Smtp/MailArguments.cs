namespace Relay.Protocol.Smtp;

/// <summary>The parameters of a MAIL that we send. The default says none of them; each goes only to a server that offers its extension.</summary>
public readonly ref struct MailArguments
{
    /// <summary>SIZE (RFC 1870): the message's octets.</summary>
    public long? Size { get; init; }

    /// <summary>BODY (RFC 6152, RFC 3030).</summary>
    public BodyType Body { get; init; }

    /// <summary>SMTPUTF8 (RFC 6531 §3.4).</summary>
    public bool SmtpUtf8 { get; init; }

    /// <summary>REQUIRETLS (RFC 8689 §3).</summary>
    public bool RequireTls { get; init; }

    /// <summary>BY (RFC 2852): the default says nothing.</summary>
    public DeliverBy DeliverBy { get; init; }

    /// <summary>RET (RFC 3461 §4.3).</summary>
    public DsnReturn Return { get; init; }

    /// <summary>ENVID (RFC 3461 §4.4) as it came, xtext; empty says nothing.</summary>
    public ReadOnlySpan<byte> EnvelopeId { get; init; }

    /// <summary>MT-PRIORITY (RFC 6710): 0, which is everybody's, says nothing.</summary>
    public sbyte Priority { get; init; }

    /// <summary>AUTH= (RFC 4954 §5) as it came, "&lt;&gt;" or xtext; empty says nothing.</summary>
    public ReadOnlySpan<byte> Submitter { get; init; }
}
