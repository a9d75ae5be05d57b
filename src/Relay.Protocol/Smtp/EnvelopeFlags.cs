namespace Relay.Protocol.Smtp;

/// <summary>Properties of a whole message that travel with its envelope. Stored in the spool: the numbers never change.</summary>
[Flags]
public enum EnvelopeFlags : byte
{
    None = 0,

    /// <summary>MAIL carried SMTPUTF8 (RFC 6531).</summary>
    SmtpUtf8 = 1,

    /// <summary>Some line of the stored message begins with a dot, so sending it by DATA needs dot-stuffing (RFC 5321 §4.5.2). Without it the stored bytes are the wire form.</summary>
    HasLeadingDot = 2,

    /// <summary>The message contains octets above 127.</summary>
    EightBit = 4,

    /// <summary>MAIL carried REQUIRETLS (RFC 8689): the message never goes out in clear.</summary>
    RequireTls = 8,

    /// <summary>The message came as BODY=BINARYMIME and isn't made of lines, so that it can't be sent by DATA (RFC 3030 §3).</summary>
    Binary = 16,
}
