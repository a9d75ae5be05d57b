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
}
