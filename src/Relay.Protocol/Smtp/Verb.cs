namespace Relay.Protocol.Smtp;

/// <summary>The first word of a command line. The numbers index tables: they run from 0 without a gap.</summary>
public enum Verb : byte
{
    /// <summary>Nothing we know.</summary>
    Unknown = 0,

    /// <summary>The request line of a web client that was sent to a mail server's port (the ALPACA attack): it is not to be answered any further.</summary>
    Http,
    Ehlo,
    Helo,
    Mail,
    Rcpt,
    Data,
    Bdat,
    Rset,
    Noop,
    Vrfy,
    Expn,
    Help,
    Quit,
    StartTls,
    Auth,
    Turn,
    Etrn,
    XClient,
}
