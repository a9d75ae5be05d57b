namespace Relay.EndToEnd.Tests.Harness;

/// <summary>What is wrong with a server's TLS.</summary>
internal enum TlsTrouble
{
    NoStartTls,
    Refuses454,

    /// <summary>Behind its 220 comes something that is no TLS.</summary>
    Garbage,

    /// <summary>Behind its 220 comes a reply in clear, as from somebody in between.</summary>
    InjectsReply,
    Alert,
    Stalls,
    Expired,
    WrongName,
    SelfSigned,
    Tls10Only,
    WeakDh,

    /// <summary>Nothing, but that it asks who we are.</summary>
    WantsClientCertificate,

    /// <summary>A certificate of a mebibyte.</summary>
    HugeCertificate,

    /// <summary>It says good-bye as soon as the handshake is over.</summary>
    ClosesEarly,
}
