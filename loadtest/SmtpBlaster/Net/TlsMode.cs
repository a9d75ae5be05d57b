namespace SmtpBlaster.Net;

/// <summary>How sessions are protected.</summary>
internal enum TlsMode
{
    None,
    StartTls,
    Implicit,
}
