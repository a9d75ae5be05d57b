namespace Relay.Protocol.Smtp;

/// <summary>The parameters of MAIL that were offered and given; the default value stands for none. The spans lie in the line that was parsed and live as long as it does.</summary>
public readonly ref struct MailParameters
{
    /// <summary>What the client says the message will take (RFC 1870 §6.1): 0 when it doesn't, <see cref="long.MaxValue"/> for a number too large for it.</summary>
    public long Size { get; init; }

    public BodyType Body { get; init; }

    /// <summary>RFC 6531 §3.4.</summary>
    public bool SmtpUtf8 { get; init; }

    /// <summary>RFC 8689 §2.</summary>
    public bool RequireTls { get; init; }

    /// <summary>RET.</summary>
    public DsnReturn Return { get; init; }

    /// <summary>ENVID, xtext of printable ASCII as it came (RFC 3461 §4.4); empty when there was none.</summary>
    public ReadOnlySpan<byte> EnvelopeId { get; init; }

    /// <summary>AUTH=, as it came: "&lt;&gt;", or xtext without control characters (RFC 4954 §5); empty when there was none. A claim: whether it is believed is the session's to decide.</summary>
    public ReadOnlySpan<byte> Submitter { get; init; }

    /// <summary>BY.</summary>
    public DeliverBy DeliverBy { get; init; }

    /// <summary>HOLDFOR or HOLDUNTIL.</summary>
    public FutureRelease Hold { get; init; }

    /// <summary>MT-PRIORITY, -9 to 9 (RFC 6710 §4); null when there was none.</summary>
    public sbyte? Priority { get; init; }
}
