namespace Relay.Protocol.Milter;

/// <summary>What a milter says: the first octet of a packet (SMFIR_ in Sendmail's mfdef.h).</summary>
public enum MilterReplyKind : byte
{
    None = 0,
    AddRecipient = (byte)'+',
    DeleteRecipient = (byte)'-',

    /// <summary>With parameters of RCPT.</summary>
    AddRecipientWithParameters = (byte)'2',

    /// <summary>421: the SMTP session is to end.</summary>
    Shutdown = (byte)'4',
    Accept = (byte)'a',
    ReplaceBody = (byte)'b',
    Continue = (byte)'c',
    Discard = (byte)'d',
    ChangeSender = (byte)'e',

    /// <summary>The milter has failed and says so.</summary>
    ConnectionFailed = (byte)'f',
    AddHeader = (byte)'h',
    InsertHeader = (byte)'i',
    ChangeHeader = (byte)'m',
    Negotiate = (byte)'O',

    /// <summary>It takes longer, but goes on.</summary>
    Progress = (byte)'p',
    Quarantine = (byte)'q',
    Reject = (byte)'r',

    /// <summary>No more of the body, please.</summary>
    Skip = (byte)'s',
    TempFail = (byte)'t',

    /// <summary>A refusal in the milter's own words.</summary>
    ReplyCode = (byte)'y',
}
