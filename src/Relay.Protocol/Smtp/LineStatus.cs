namespace Relay.Protocol.Smtp;

/// <summary>What <see cref="LineReader"/> found.</summary>
public enum LineStatus : byte
{
    Line,

    /// <summary>No whole line yet.</summary>
    NeedMoreData,

    /// <summary>What lies there can't become a line within the limit any more.</summary>
    TooLong,

    /// <summary>A CR without LF or an LF without CR comes before the next CRLF.</summary>
    BareLineEnding,
}
