namespace Relay.Protocol.Milter;

/// <summary>What a milter may do to a message (SMFIF_ in Sendmail's mfapi.h).</summary>
[Flags]
public enum MilterActions : uint
{
    None = 0,
    AddHeaders = 1,
    ChangeBody = 2,
    AddRecipients = 4,
    DeleteRecipients = 8,
    ChangeHeaders = 0x10,
    Quarantine = 0x20,
    ChangeSender = 0x40,
    AddRecipientsWithParameters = 0x80,

    /// <summary>It may say which macros it wants.</summary>
    ChooseMacros = 0x100,

    All = 0x1ff,
}
