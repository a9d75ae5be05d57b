namespace SmtpBlaster.Report;

/// <summary>Where in a session something was said.</summary>
internal enum Stage
{
    Connect,
    Ehlo,
    StartTls,
    Auth,
    Mail,
    Rcpt,
    Data,
    End,
    Reset,
    Quit,
}
