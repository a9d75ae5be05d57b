namespace Relay.Protocol.Smtp;

/// <summary>The RET parameter of MAIL: how much of the message a failure report is to bring back (RFC 3461 §4.3). Stored in envelopes: the numbers never change.</summary>
public enum DsnReturn : byte
{
    Unspecified = 0,
    Full = 1,
    Headers = 2,
}
