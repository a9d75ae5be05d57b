namespace Relay.Protocol.Milter;

/// <summary>Which steps of the protocol a milter does without, and which it doesn't answer (SMFIP_ in Sendmail's mfapi.h).</summary>
[Flags]
public enum MilterSteps : uint
{
    None = 0,
    NoConnect = 1,
    NoHelo = 2,
    NoMail = 4,
    NoRcpt = 8,
    NoBody = 0x10,
    NoHeaders = 0x20,
    NoEndOfHeader = 0x40,
    NoReplyToHeader = 0x80,
    NoUnknown = 0x100,
    NoData = 0x200,

    /// <summary>It may say that it wants no more of the body.</summary>
    Skip = 0x400,

    /// <summary>It wants to hear of recipients that were refused, too.</summary>
    RefusedRecipients = 0x800,
    NoReplyToConnect = 0x1000,
    NoReplyToHelo = 0x2000,
    NoReplyToMail = 0x4000,
    NoReplyToRcpt = 0x8000,
    NoReplyToData = 0x10000,
    NoReplyToUnknown = 0x20000,
    NoReplyToEndOfHeader = 0x40000,
    NoReplyToBody = 0x80000,

    /// <summary>Values of header fields are what stands behind the colon, both ways; without it the space there isn't part of them.</summary>
    LeadingSpace = 0x100000,

    All = 0x1fffff,
}
