namespace Relay.Protocol.Smtp;

/// <summary>The BODY parameter of MAIL (RFC 6152 §2, RFC 3030 §3). Stored in envelopes: the numbers never change.</summary>
public enum BodyType : byte
{
    Unspecified = 0,
    SevenBit = 1,
    EightBitMime = 2,
    BinaryMime = 3,
}
