namespace Relay.Protocol.Milter;

/// <summary>Where macros are sent (SMFIM_ in Sendmail's mfapi.h; numbers of the protocol), and a milter is.</summary>
public enum MilterStage
{
    Connect = 0,
    Helo = 1,
    Mail = 2,
    Rcpt = 3,
    Data = 4,
    EndOfMessage = 5,
    EndOfHeader = 6,

    // From here on without macros of their own.
    Unknown = 7,
    Header = 8,
    Body = 9,
    Negotiation = 10,
}
