namespace Relay.Flow.Accept;

/// <summary>What a command left to do that can't be done while its line lies in the pipe's buffer.</summary>
internal enum FollowUp : byte
{
    None,

    /// <summary>DATA: the message follows.</summary>
    Message,

    /// <summary>BDAT: a chunk's octets follow, to be kept or to be swallowed.</summary>
    Chunk,

    /// <summary>STARTTLS: the handshake follows.</summary>
    Tls,

    /// <summary>AUTH: the credentials are complete and to be verified.</summary>
    Credentials,

    /// <summary>The milters are to be asked about the command.</summary>
    Milters,

    /// <summary>XCLIENT: the session begins again, for the milters as well.</summary>
    Restart,

    /// <summary>The line can't be answered yet, and waits unread for what is being looked up.</summary>
    Wait,
}
