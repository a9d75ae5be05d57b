namespace Relay.Protocol.Smtp;

/// <summary>The reply codes this relay sends or reads by name (RFC 5321 §4.2.3, RFC 4954 §6, RFC 7504). The number stands in the name, so that it reads and sorts.</summary>
public enum ReplyCode : ushort
{
    None = 0,
    Help214 = 214,
    ServiceReady220 = 220,
    ServiceClosing221 = 221,
    AuthenticationSucceeded235 = 235,
    Completed250 = 250,
    CannotVerify252 = 252,
    AuthenticationContinues334 = 334,
    StartMailInput354 = 354,
    ServiceNotAvailable421 = 421,
    MailboxUnavailable450 = 450,
    LocalError451 = 451,
    InsufficientStorage452 = 452,

    /// <summary>TLS (RFC 3207 §4) or authentication (RFC 4954 §6), for the moment.</summary>
    SecurityNotAvailable454 = 454,
    SyntaxError500 = 500,
    ArgumentSyntaxError501 = 501,
    CommandNotImplemented502 = 502,
    BadSequence503 = 503,
    ParameterNotImplemented504 = 504,
    NoMailService521 = 521,
    AuthenticationRequired530 = 530,
    AuthenticationInvalid535 = 535,
    EncryptionRequired538 = 538,
    MailboxUnavailable550 = 550,
    ExceededStorage552 = 552,
    MailboxNameNotAllowed553 = 553,
    TransactionFailed554 = 554,
    ParametersNotRecognized555 = 555,
    DomainDoesNotAcceptMail556 = 556,
}
