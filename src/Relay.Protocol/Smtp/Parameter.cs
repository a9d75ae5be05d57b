namespace Relay.Protocol.Smtp;

/// <summary>The parameters of MAIL and RCPT that we know. Flags, so that those a command has had fit one number.</summary>
[Flags]
internal enum Parameter : ushort
{
    None = 0,
    Size = 1,
    Body = 1 << 1,
    SmtpUtf8 = 1 << 2,
    RequireTls = 1 << 3,
    Return = 1 << 4,
    EnvelopeId = 1 << 5,
    Submitter = 1 << 6,
    DeliverBy = 1 << 7,
    HoldFor = 1 << 8,
    HoldUntil = 1 << 9,
    Priority = 1 << 10,
    Notify = 1 << 11,
    OriginalRecipient = 1 << 12,
}
