namespace Relay.Protocol.Smtp;

/// <summary>The NOTIFY parameter of RCPT: what the sender wants to be told of (RFC 3461 §4.1). Never stands alone. Stored in envelopes: the numbers never change.</summary>
[Flags]
public enum DsnNotify : byte
{
    Unspecified = 0,
    Never = 1,
    Success = 2,
    Failure = 4,
    Delay = 8,
}
