namespace SmtpBlaster.Net;

/// <summary>Why a connection is over, when it wasn't we who ended it in order.</summary>
internal enum CloseReason
{
    /// <summary>The peer closed it.</summary>
    EndOfStream,

    /// <summary>Refused, reset, unreachable: the kernel's error number says.</summary>
    Error,

    /// <summary>A wait was over its deadline.</summary>
    TimedOut,

    /// <summary>The TLS handshake failed, or a record made no sense.</summary>
    Tls,

    /// <summary>The peer said what isn't SMTP.</summary>
    Protocol,
}
