namespace Relay.Protocol.Smtp;

/// <summary>
/// What a server offers in its reply to EHLO. The default value is a server that offers nothing, as after HELO. Keywords without a place in <see cref="Extensions"/> are left out.
/// <see cref="SizeLimit"/> is the largest message it takes: 0 when it names no limit (RFC 1870 §4), null when it doesn't know SIZE.
/// </summary>
public readonly record struct ServerExtensions(Extensions Offered, long? SizeLimit)
{
    public bool Pipelining => (Offered & Extensions.Pipelining) != 0;

    public bool EightBitMime => (Offered & Extensions.EightBitMime) != 0;

    public bool EnhancedStatusCodes => (Offered & Extensions.EnhancedStatusCodes) != 0;

    public bool StartTls => (Offered & Extensions.StartTls) != 0;

    public bool SmtpUtf8 => (Offered & Extensions.SmtpUtf8) != 0;

    public bool Chunking => (Offered & Extensions.Chunking) != 0;

    public bool BinaryMime => (Offered & Extensions.BinaryMime) != 0;

    public bool Dsn => (Offered & Extensions.Dsn) != 0;
}
