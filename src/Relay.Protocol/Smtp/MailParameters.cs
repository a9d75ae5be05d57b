namespace Relay.Protocol.Smtp;

/// <summary>The parameters of MAIL that were offered and given; the default value stands for none. The spans lie in the line that was parsed and live as long as it does.</summary>
public ref struct MailParameters
{
    /// <summary>What the client says the message will take (RFC 1870 §6.1): 0 when it doesn't, <see cref="long.MaxValue"/> for a number too large for it.</summary>
    public long Size { get; set; }

    public BodyType Body { get; set; }

    /// <summary>RFC 6531 §3.4.</summary>
    public bool SmtpUtf8 { get; set; }

    /// <summary>RFC 8689 §2.</summary>
    public bool RequireTls { get; set; }

    /// <summary>RET.</summary>
    public DsnReturn Return { get; set; }

    /// <summary>ENVID, xtext of printable ASCII as it came (RFC 3461 §4.4); empty when there was none.</summary>
    public ReadOnlySpan<byte> EnvelopeId { get; set; }

    /// <summary>AUTH=, as it came: "&lt;&gt;", or xtext without control characters (RFC 4954 §5); empty when there was none. A claim: whether it is believed is the session's to decide.</summary>
    public ReadOnlySpan<byte> Submitter { get; set; }

    /// <summary>BY.</summary>
    public DeliverBy DeliverBy { get; set; }

    /// <summary>HOLDFOR or HOLDUNTIL.</summary>
    public FutureRelease Hold { get; set; }

    /// <summary>MT-PRIORITY, -9 to 9 (RFC 6710 §4); null when there was none.</summary>
    public sbyte? Priority { get; set; }
}
