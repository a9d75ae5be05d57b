namespace Relay.Protocol.Smtp;

/// <summary>
/// The service extensions (RFC 5321 §2.2) that a server offers in its EHLO reply, ours or another's. A listener's flags decide both what EHLO says
/// and which parameters <see cref="CommandParser"/> takes, so that the two can't disagree.
/// </summary>
[Flags]
public enum Extensions : uint
{
    None = 0,

    /// <summary>RFC 2920.</summary>
    Pipelining = 1,

    /// <summary>RFC 1870.</summary>
    Size = 1 << 1,

    /// <summary>RFC 6152.</summary>
    EightBitMime = 1 << 2,

    /// <summary>RFC 2034.</summary>
    EnhancedStatusCodes = 1 << 3,

    /// <summary>RFC 3207.</summary>
    StartTls = 1 << 4,

    /// <summary>RFC 6531.</summary>
    SmtpUtf8 = 1 << 5,

    /// <summary>RFC 3030.</summary>
    Chunking = 1 << 6,

    /// <summary>RFC 3030 §3.</summary>
    BinaryMime = 1 << 7,

    /// <summary>RFC 3461.</summary>
    Dsn = 1 << 8,

    /// <summary>RFC 8689.</summary>
    RequireTls = 1 << 9,

    /// <summary>RFC 2852.</summary>
    DeliverBy = 1 << 10,

    /// <summary>RFC 4865.</summary>
    FutureRelease = 1 << 11,

    /// <summary>RFC 6710.</summary>
    MtPriority = 1 << 12,

    /// <summary>RFC 9422.</summary>
    Limits = 1 << 13,

    /// <summary>RFC 4954.</summary>
    Auth = 1 << 14,

    /// <summary>XCLIENT, Postfix's command by which a trusted proxy tells whom it speaks for.</summary>
    XClient = 1 << 15,

    /// <summary>RFC 4422 appendix A: beside <see cref="Auth"/>, also the mechanism EXTERNAL, to a client that has shown a certificate.</summary>
    AuthExternal = 1 << 16,
}
