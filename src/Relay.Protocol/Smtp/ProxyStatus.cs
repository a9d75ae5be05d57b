namespace Relay.Protocol.Smtp;

/// <summary>What <see cref="ProxyHeader"/> found.</summary>
public enum ProxyStatus : byte
{
    /// <summary>It may still become a header.</summary>
    NeedMoreData,
    Done,

    /// <summary>It is no header and can't become one: the connection is to be closed.</summary>
    Malformed,
}
