namespace Relay.Protocol.Smtp;

/// <summary>
/// One command of a client, as <see cref="CommandParser"/> read it. The spans lie in the line that was parsed and live as long as it does.
/// Of a refused command only <see cref="Verb"/> is to be relied on.
/// </summary>
public ref struct Command
{
    public Verb Verb { get; internal set; }

    /// <summary>What follows the verb, without the spaces around it: the name of EHLO, the text of NOOP.</summary>
    public ReadOnlySpan<byte> Argument { get; internal set; }

    /// <summary>The mailbox of MAIL or RCPT without angle brackets and without source route; empty for the null reverse-path.</summary>
    public ReadOnlySpan<byte> Path { get; internal set; }

    /// <summary>The domain of <see cref="Path"/>, or its address literal with brackets; empty for the null reverse-path and for a bare "postmaster" (RFC 5321 §4.5.1).</summary>
    public ReadOnlySpan<byte> Domain { get; internal set; }

    /// <summary>The parameters of MAIL.</summary>
    public MailParameters Mail { get; internal set; }

    /// <summary>The parameters of RCPT.</summary>
    public RcptParameters Rcpt { get; internal set; }

    /// <summary>RCPT, VRFY, EXPN: there are octets above 127 in it, well-formed UTF-8 in RCPT, which only a transaction of SMTPUTF8 may carry (RFC 6531 §3.5). The caller knows the transaction.</summary>
    public bool NeedsSmtpUtf8 { get; internal set; }

    /// <summary>The argument of BDAT. After a refused BDAT nobody knows how much of what follows is the chunk: the connection is to be closed.</summary>
    public Chunk Chunk { get; internal set; }

    /// <summary>The mechanism of AUTH, in the client's case (RFC 4954 §4).</summary>
    public ReadOnlySpan<byte> Mechanism { get; internal set; }

    /// <summary>The initial response of AUTH, base64 as it came and not looked at; empty when it is the "=" that stands for an empty one.</summary>
    public ReadOnlySpan<byte> InitialResponse { get; internal set; }

    /// <summary>Whether AUTH came with an initial response, be it an empty one.</summary>
    public bool HasInitialResponse { get; internal set; }
}
