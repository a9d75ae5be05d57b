namespace Relay.Protocol.Milter;

/// <summary>How reading a packet went.</summary>
public enum MilterPacketStatus
{
    NeedMoreData,
    Done,

    /// <summary>It has no command, or is longer than any may be: what follows can't be told any more.</summary>
    Malformed,
}
