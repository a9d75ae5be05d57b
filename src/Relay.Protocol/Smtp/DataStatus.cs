namespace Relay.Protocol.Smtp;

/// <summary>What <see cref="DataDecoder"/> came to.</summary>
public enum DataStatus : byte
{
    NeedMoreData,

    /// <summary>The end of the data was read; what follows it is the next command.</summary>
    Done,
}
