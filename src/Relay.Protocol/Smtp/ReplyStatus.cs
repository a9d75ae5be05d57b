namespace Relay.Protocol.Smtp;

/// <summary>What <see cref="ReplyReader"/> found.</summary>
public enum ReplyStatus : byte
{
    Done,

    /// <summary>No whole reply yet.</summary>
    NeedMoreData,

    /// <summary>The server doesn't speak SMTP: nothing more can be read from this connection.</summary>
    Malformed,
}
