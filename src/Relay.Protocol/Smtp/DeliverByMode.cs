namespace Relay.Protocol.Smtp;

/// <summary>What is to happen when a message is late (RFC 2852 §4). Stored in envelopes: the numbers never change.</summary>
public enum DeliverByMode : byte
{
    /// <summary>MAIL had no BY.</summary>
    None = 0,

    /// <summary>"N": the sender is told, delivery goes on.</summary>
    Notify = 1,

    /// <summary>"R": the message is returned.</summary>
    Return = 2,
}
