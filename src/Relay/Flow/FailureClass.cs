namespace Relay.Flow;

/// <summary>Of what kind an answer is that isn't a yes: what an operator counts, and what the sender is told to do. Words outside, in files and logs, are those of FailureClassWord.</summary>
public enum FailureClass
{
    /// <summary>None of the others.</summary>
    Other,

    /// <summary>The address doesn't exist.</summary>
    BadMailbox,

    /// <summary>The domain doesn't exist, or takes no mail.</summary>
    BadDomain,

    /// <summary>There is no room in the mailbox.</summary>
    MailboxFull,

    /// <summary>The mailbox exists and doesn't take mail: disabled, abandoned, moved.</summary>
    InactiveMailbox,

    /// <summary>A rule of the receiver: who may write to whom.</summary>
    Policy,

    /// <summary>The sending address or domain is listed or has a bad name.</summary>
    Reputation,

    /// <summary>SPF, DKIM, DMARC or the reverse name of the sending address isn't as the receiver wants it.</summary>
    Authentication,

    /// <summary>Too much mail in too short a time, or too many connections.</summary>
    Rate,

    /// <summary>Not yet: the receiver puts off whom it doesn't know.</summary>
    Greylisted,

    /// <summary>What the message says or holds: spam, a virus, its form.</summary>
    Content,

    TooLarge,

    /// <summary>The encryption that is wanted didn't come about.</summary>
    Tls,

    /// <summary>No server could be reached, or the connection was lost.</summary>
    Network,

    /// <summary>The look-up of the domain failed.</summary>
    Dns,

    /// <summary>The message needs an extension that the server doesn't have.</summary>
    NotSupported,

    /// <summary>The server broke the rules of SMTP, or says that we did.</summary>
    Protocol,

    /// <summary>The server has trouble of its own.</summary>
    Server,

    /// <summary>Trouble of this relay's own.</summary>
    Local,
}
