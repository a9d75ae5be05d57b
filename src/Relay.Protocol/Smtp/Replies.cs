namespace Relay.Protocol.Smtp;

/// <summary>
/// Every reply that says the same each time, made once. Enhanced codes (RFC 2034, RFC 3463) stand on all but the greeting, EHLO, HELO and 3yz.
/// The number in a name is the reply code.
/// </summary>
public static class Replies
{
    // Positive.
    public static readonly Reply Help214 = Reply.Of(ReplyCode.Help214, 2, 0, 0, "RFC 5321 is spoken here: EHLO HELO MAIL RCPT DATA RSET NOOP VRFY HELP QUIT");
    public static readonly Reply TlsReady220 = Reply.Of(ReplyCode.ServiceReady220, 2, 0, 0, "ready to start TLS");
    public static readonly Reply Closing221 = Reply.Of(ReplyCode.ServiceClosing221, 2, 0, 0, "bye");
    public static readonly Reply Reset250 = Reply.Of(ReplyCode.Completed250, 2, 0, 0, "flushed");
    public static readonly Reply Noop250 = Reply.Of(ReplyCode.Completed250, 2, 0, 0, "ok");
    public static readonly Reply SenderOk250 = Reply.Of(ReplyCode.Completed250, 2, 1, 0, "sender ok");
    public static readonly Reply RecipientOk250 = Reply.Of(ReplyCode.Completed250, 2, 1, 5, "recipient ok");

    /// <summary>RFC 5321 §3.5.3: no oracle for who has an account.</summary>
    public static readonly Reply Vrfy252 = Reply.Of(ReplyCode.CannotVerify252, 2, 0, 0, "send some mail, it will be tried");

    public static readonly Reply StartMail354 = new(ReplyCode.StartMailInput354, "end data with <CR><LF>.<CR><LF>");

    // Temporary.
    public static readonly Reply ShuttingDown421 = Reply.Of(ReplyCode.ServiceNotAvailable421, 4, 3, 2, "shutting down, try again soon");
    public static readonly Reply Timeout421 = Reply.Of(ReplyCode.ServiceNotAvailable421, 4, 4, 2, "idle for too long");
    public static readonly Reply TooManyErrors421 = Reply.Of(ReplyCode.ServiceNotAvailable421, 4, 7, 0, "too many errors");
    public static readonly Reply TooManyConnections421 = Reply.Of(ReplyCode.ServiceNotAvailable421, 4, 7, 0, "too many connections");
    public static readonly Reply EndlessMessage421 = Reply.Of(ReplyCode.ServiceNotAvailable421, 4, 3, 4, "the message is far too big and does not end");
    public static readonly Reply LocalError451 = Reply.Of(ReplyCode.LocalError451, 4, 3, 0, "local error, try again later");
    public static readonly Reply StorageFull452 = Reply.Of(ReplyCode.InsufficientStorage452, 4, 3, 1, "storage full, try again later");

    /// <summary>RFC 5321 §4.5.3.1.10: 452, not 552, so that the client sends the rest in another transaction.</summary>
    public static readonly Reply TooManyRecipients452 = Reply.Of(ReplyCode.InsufficientStorage452, 4, 5, 3, "too many recipients, send the rest in another transaction");

    // Permanent: the command.
    public static readonly Reply CommandUnrecognized500 = Reply.Of(ReplyCode.SyntaxError500, 5, 5, 1, "command not recognized");
    public static readonly Reply LineTooLong500 = Reply.Of(ReplyCode.SyntaxError500, 5, 5, 2, "line too long");
    public static readonly Reply CommandNotImplemented502 = Reply.Of(ReplyCode.CommandNotImplemented502, 5, 5, 1, "command not implemented");
    public static readonly Reply ControlCharacter501 = Reply.Of(ReplyCode.ArgumentSyntaxError501, 5, 5, 2, "control character in command");
    public static readonly Reply ArgumentUnexpected501 = Reply.Of(ReplyCode.ArgumentSyntaxError501, 5, 5, 4, "this command takes no argument");
    public static readonly Reply ArgumentMissing501 = Reply.Of(ReplyCode.ArgumentSyntaxError501, 5, 5, 4, "this command needs an argument");
    public static readonly Reply HelloNameInvalid501 = Reply.Of(ReplyCode.ArgumentSyntaxError501, 5, 5, 4, "the name must be a domain or an address literal");
    public static readonly Reply MailSyntax501 = Reply.Of(ReplyCode.ArgumentSyntaxError501, 5, 5, 2, "syntax: MAIL FROM:<address>");
    public static readonly Reply RcptSyntax501 = Reply.Of(ReplyCode.ArgumentSyntaxError501, 5, 5, 2, "syntax: RCPT TO:<address>");
    public static readonly Reply SenderSyntax501 = Reply.Of(ReplyCode.ArgumentSyntaxError501, 5, 1, 7, "bad sender address syntax");
    public static readonly Reply RecipientSyntax501 = Reply.Of(ReplyCode.ArgumentSyntaxError501, 5, 1, 3, "bad recipient address syntax");
    public static readonly Reply ParameterSyntax501 = Reply.Of(ReplyCode.ArgumentSyntaxError501, 5, 5, 4, "bad parameter");
    public static readonly Reply ParameterUnknown555 = Reply.Of(ReplyCode.ParametersNotRecognized555, 5, 5, 4, "parameter not recognized");

    /// <summary>RFC 6531 §3.5.</summary>
    public static readonly Reply AddressNotAscii553 = Reply.Of(ReplyCode.MailboxNameNotAllowed553, 5, 6, 7, "a non-ASCII address needs SMTPUTF8");

    // Permanent: the session.
    public static readonly Reply BareLineEnding521 = Reply.Of(ReplyCode.NoMailService521, 5, 5, 2, "bare CR or LF in a command: lines end with CRLF");
    public static readonly Reply TlsRequired530 = Reply.Of(ReplyCode.AuthenticationRequired530, 5, 7, 0, "must issue STARTTLS first");
    public static readonly Reply AuthRequired530 = Reply.Of(ReplyCode.AuthenticationRequired530, 5, 7, 0, "authentication required");
    public static readonly Reply PipelinedBehindTls554 = Reply.Of(ReplyCode.TransactionFailed554, 5, 5, 1, "nothing may be pipelined behind STARTTLS");

    // Permanent: the message.
    public static readonly Reply MessageTooBig552 = Reply.Of(ReplyCode.ExceededStorage552, 5, 3, 4, "message too big");
    public static readonly Reply BareLineEnding554 = Reply.Of(ReplyCode.TransactionFailed554, 5, 6, 0, "bare CR or LF in the message: lines end with CRLF");
    public static readonly Reply LoopDetected554 = Reply.Of(ReplyCode.TransactionFailed554, 5, 4, 6, "mail loop: too many Received fields");
}
