namespace Relay.Protocol.Milter;

/// <summary>What an MTA says to a milter: the first octet of a packet (SMFIC_ in Sendmail's mfdef.h).</summary>
public enum MilterCommand : byte
{
    /// <summary>The transaction is over; the connection goes on.</summary>
    Abort = (byte)'A',

    Body = (byte)'B',

    Connect = (byte)'C',

    /// <summary>Values for the command that follows; never answered.</summary>
    Macros = (byte)'D',

    EndOfBody = (byte)'E',

    Helo = (byte)'H',

    /// <summary>The SMTP session is over, and another one follows on this connection (version 6).</summary>
    QuitNewConnection = (byte)'K',

    Header = (byte)'L',

    Mail = (byte)'M',

    EndOfHeader = (byte)'N',

    Negotiate = (byte)'O',

    Quit = (byte)'Q',

    Rcpt = (byte)'R',

    /// <summary>The command DATA (version 4).</summary>
    Data = (byte)'T',

    /// <summary>A command that SMTP doesn't know (version 3).</summary>
    Unknown = (byte)'U',
}
