namespace Relay.Protocol.Smtp;

/// <summary>
/// The parameters of MAIL that were offered and given. <see cref="Size"/> is what the client says the message will take (RFC 1870 §6.1), 0 when it doesn't;
/// a number too large for it is <see cref="long.MaxValue"/>.
/// </summary>
public readonly record struct MailParameters(long Size, BodyType Body, bool SmtpUtf8);
