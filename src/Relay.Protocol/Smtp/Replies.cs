namespace Relay.Protocol.Smtp;

/// <summary>
/// Every reply that says the same each time, made once. Enhanced codes (RFC 2034, RFC 3463) stand on all but the greeting, EHLO, HELO and 3yz.
/// The number in a name is the reply code.
/// </summary>
public static class Replies
{
    // Positive.
    public static readonly Reply Help214 = Reply.Of(ReplyCode.Help214, 2, 0, 0, "commands: EHLO HELO STARTTLS AUTH MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT");
    public static readonly Reply TlsReady220 = Reply.Of(ReplyCode.ServiceReady220, 2, 0, 0, "ready to start TLS");
    public static readonly Reply Closing221 = Reply.Of(ReplyCode.ServiceClosing221, 2, 0, 0, "bye");
    public static readonly Reply Reset250 = Reply.Of(ReplyCode.Completed250, 2, 0, 0, "flushed");
    public static readonly Reply Noop250 = Reply.Of(ReplyCode.Completed250, 2, 0, 0, "ok");
    public static readonly Reply SenderOk250 = Reply.Of(ReplyCode.Completed250, 2, 1, 0, "sender ok");
    public static readonly Reply RecipientOk250 = Reply.Of(ReplyCode.Completed250, 2, 1, 5, "recipient ok");

    public static readonly Reply ChunkOk250 = Reply.Of(ReplyCode.Completed250, 2, 0, 0, "chunk received");

    /// <summary>RFC 5321 §3.5.3: no oracle for who has an account.</summary>
    public static readonly Reply Vrfy252 = Reply.Of(ReplyCode.CannotVerify252, 2, 0, 0, "send some mail, it will be tried");

    public static readonly Reply StartMail354 = new(ReplyCode.StartMailInput354, "end data with <CR><LF>.<CR><LF>");

    // RFC 4954 §4: challenges are base64. The two of LOGIN are "Username:" and "Password:".
    public static readonly Reply Authenticated235 = Reply.Of(ReplyCode.AuthenticationSucceeded235, 2, 7, 0, "authenticated");
    public static readonly Reply EmptyChallenge334 = new(ReplyCode.AuthenticationContinues334, "");
    public static readonly Reply LoginUser334 = new(ReplyCode.AuthenticationContinues334, "VXNlcm5hbWU6");
    public static readonly Reply LoginPassword334 = new(ReplyCode.AuthenticationContinues334, "UGFzc3dvcmQ6");

    // Temporary.
    public static readonly Reply ShuttingDown421 = Reply.Of(ReplyCode.ServiceNotAvailable421, 4, 3, 2, "shutting down, try again soon");
    public static readonly Reply Timeout421 = Reply.Of(ReplyCode.ServiceNotAvailable421, 4, 4, 2, "idle for too long");
    public static readonly Reply TooManyErrors421 = Reply.Of(ReplyCode.ServiceNotAvailable421, 4, 7, 0, "too many errors");
    public static readonly Reply TooManyConnections421 = Reply.Of(ReplyCode.ServiceNotAvailable421, 4, 7, 0, "too many connections");
    public static readonly Reply EndlessMessage421 = Reply.Of(ReplyCode.ServiceNotAvailable421, 4, 3, 4, "the message is far too big and does not end");
    public static readonly Reply TooSlow421 = Reply.Of(ReplyCode.ServiceNotAvailable421, 4, 4, 2, "too slow");
    public static readonly Reply NoMailInSight421 = Reply.Of(ReplyCode.ServiceNotAvailable421, 4, 7, 0, "too many commands without mail");
    public static readonly Reply LocalError451 = Reply.Of(ReplyCode.LocalError451, 4, 3, 0, "local error, try again later");
    public static readonly Reply TooManyConnectionsLately421 = Reply.Of(ReplyCode.ServiceNotAvailable421, 4, 7, 0, "too many connections lately, try again later");
    public static readonly Reply Banned421 = Reply.Of(ReplyCode.ServiceNotAvailable421, 4, 7, 0, "your address is banned for now, for what came from it");
    public static readonly Reply AuthTooOften454 = Reply.Of(ReplyCode.SecurityNotAvailable454, 4, 7, 0, "too many failed log-ins from your address, try again later");
    public static readonly Reply AuthBusy454 = Reply.Of(ReplyCode.SecurityNotAvailable454, 4, 7, 0, "too many are logging in now, try again later");
    public static readonly Reply TlsBusy454 = Reply.Of(ReplyCode.SecurityNotAvailable454, 4, 7, 0, "too many TLS handshakes are under way, try again later");
    public static readonly Reply AuthAway454 = Reply.Of(ReplyCode.SecurityNotAvailable454, 4, 7, 0, "nobody can tell now who you are, try again later");
    public static readonly Reply StorageFull452 = Reply.Of(ReplyCode.InsufficientStorage452, 4, 3, 1, "storage full, try again later");

    // What a content filter makes of mail, where it has no words of its own; and when it can't be asked.
    public static readonly Reply FilterShutdown421 = Reply.Of(ReplyCode.ServiceNotAvailable421, 4, 7, 0, "closing, try again later");
    public static readonly Reply FilterLater451 = Reply.Of(ReplyCode.LocalError451, 4, 7, 1, "not now, try again later");
    public static readonly Reply FilterFailed451 = Reply.Of(ReplyCode.LocalError451, 4, 7, 1, "the mail can't be checked now, try again later");
    public static readonly Reply FilterFailed550 = Reply.Of(ReplyCode.MailboxUnavailable550, 5, 7, 1, "the mail can't be checked");
    public static readonly Reply FilterRefused550 = Reply.Of(ReplyCode.MailboxUnavailable550, 5, 7, 1, "refused by a content filter");

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
    public static readonly Reply ChunkSyntax501 = Reply.Of(ReplyCode.ArgumentSyntaxError501, 5, 5, 4, "syntax: BDAT size [LAST]; where the chunk ends is unknown, closing");
    public static readonly Reply AuthSyntax501 = Reply.Of(ReplyCode.ArgumentSyntaxError501, 5, 5, 4, "syntax: AUTH mechanism [initial-response]");
    public static readonly Reply XClientSyntax501 = Reply.Of(ReplyCode.ArgumentSyntaxError501, 5, 5, 4, "syntax: XCLIENT name=value ...");

    // Permanent: parameters.
    public static readonly Reply ParameterSyntax501 = Reply.Of(ReplyCode.ArgumentSyntaxError501, 5, 5, 4, "bad parameter");
    public static readonly Reply ParameterRepeated501 = Reply.Of(ReplyCode.ArgumentSyntaxError501, 5, 5, 4, "a parameter was given twice");
    public static readonly Reply ValueUnexpected501 = Reply.Of(ReplyCode.ArgumentSyntaxError501, 5, 5, 4, "this parameter takes no value");
    public static readonly Reply SizeSyntax501 = Reply.Of(ReplyCode.ArgumentSyntaxError501, 5, 5, 4, "SIZE must be a number of octets");
    public static readonly Reply BodySyntax501 = Reply.Of(ReplyCode.ArgumentSyntaxError501, 5, 5, 4, "BODY must be one of the types offered");
    public static readonly Reply ReturnSyntax501 = Reply.Of(ReplyCode.ArgumentSyntaxError501, 5, 5, 4, "RET must be FULL or HDRS");
    public static readonly Reply EnvelopeIdSyntax501 = Reply.Of(ReplyCode.ArgumentSyntaxError501, 5, 5, 4, "ENVID must be at most 100 characters of xtext");
    public static readonly Reply SubmitterSyntax501 = Reply.Of(ReplyCode.ArgumentSyntaxError501, 5, 5, 4, "AUTH must be <> or at most 500 characters of xtext");
    public static readonly Reply DeliverBySyntax501 = Reply.Of(ReplyCode.ArgumentSyntaxError501, 5, 5, 4, "BY must be seconds;N or seconds;R, with R above 0");
    public static readonly Reply HoldSyntax501 = Reply.Of(ReplyCode.ArgumentSyntaxError501, 5, 5, 4, "HOLDFOR must be seconds, HOLDUNTIL a date");
    public static readonly Reply HoldTwice501 = Reply.Of(ReplyCode.ArgumentSyntaxError501, 5, 5, 4, "HOLDFOR and HOLDUNTIL exclude each other");
    public static readonly Reply PrioritySyntax501 = Reply.Of(ReplyCode.ArgumentSyntaxError501, 5, 5, 4, "MT-PRIORITY must be from -9 to 9");
    public static readonly Reply NotifySyntax501 = Reply.Of(ReplyCode.ArgumentSyntaxError501, 5, 5, 4, "NOTIFY must be NEVER, or a list of SUCCESS, FAILURE, DELAY");
    public static readonly Reply OriginalRecipientSyntax501 = Reply.Of(ReplyCode.ArgumentSyntaxError501, 5, 5, 4, "ORCPT must be type;xtext of at most 500 characters");
    public static readonly Reply ParameterUnknown555 = Reply.Of(ReplyCode.ParametersNotRecognized555, 5, 5, 4, "parameter not recognized");

    /// <summary>RFC 6531 §3.5.</summary>
    public static readonly Reply AddressNotAscii553 = Reply.Of(ReplyCode.MailboxNameNotAllowed553, 5, 6, 7, "a non-ASCII address needs SMTPUTF8");

    // Permanent: the session.
    public static readonly Reply Blocked503 = Reply.Of(ReplyCode.BadSequence503, 5, 7, 1, "no mail is taken from this address");
    public static readonly Reply EarlyTalker554 = Reply.Of(ReplyCode.TransactionFailed554, 5, 5, 0, "you spoke before the greeting");
    public static readonly Reply XClientRefused550 = Reply.Of(ReplyCode.MailboxUnavailable550, 5, 7, 1, "XCLIENT is not for this address");
    public static readonly Reply AuthMechanismUnknown504 = Reply.Of(ReplyCode.ParameterNotImplemented504, 5, 5, 4, "mechanism not supported");
    public static readonly Reply AuthRepeated503 = Reply.Of(ReplyCode.BadSequence503, 5, 5, 1, "already authenticated");
    public static readonly Reply AuthInTransaction503 = Reply.Of(ReplyCode.BadSequence503, 5, 5, 1, "AUTH is not allowed in a transaction");
    public static readonly Reply AuthCancelled501 = Reply.Of(ReplyCode.ArgumentSyntaxError501, 5, 7, 0, "authentication cancelled");
    public static readonly Reply AuthEncoding501 = Reply.Of(ReplyCode.ArgumentSyntaxError501, 5, 5, 2, "bad base64");
    public static readonly Reply AuthResponse501 = Reply.Of(ReplyCode.ArgumentSyntaxError501, 5, 5, 2, "this is no message of that mechanism");
    public static readonly Reply AuthLineTooLong500 = Reply.Of(ReplyCode.SyntaxError500, 5, 5, 6, "authentication exchange line too long");
    public static readonly Reply AuthFailed535 = Reply.Of(ReplyCode.AuthenticationInvalid535, 5, 7, 8, "authentication credentials invalid");
    public static readonly Reply AuthNeedsTls538 = Reply.Of(ReplyCode.EncryptionRequired538, 5, 7, 11, "encryption required for this mechanism");
    public static readonly Reply BareLineEnding521 = Reply.Of(ReplyCode.NoMailService521, 5, 5, 2, "bare CR or LF in a command: lines end with CRLF");
    public static readonly Reply SenderTakesNoMail550 = Reply.Of(ReplyCode.MailboxUnavailable550, 5, 7, 27, "the sender's domain takes no mail (null MX), so nobody could answer");
    public static readonly Reply SenderDomainUnknown550 = Reply.Of(ReplyCode.MailboxUnavailable550, 5, 1, 8, "the sender's domain does not exist");
    public static readonly Reply RecipientTakesNoMail556 = Reply.Of(ReplyCode.DomainDoesNotAcceptMail556, 5, 1, 10, "the recipient's domain takes no mail (null MX)");
    public static readonly Reply RecipientDomainUnknown550 = Reply.Of(ReplyCode.MailboxUnavailable550, 5, 1, 2, "the recipient's domain does not exist");
    public static readonly Reply SenderNotYours553 = Reply.Of(ReplyCode.MailboxNameNotAllowed553, 5, 7, 1, "you may not send from this address");
    public static readonly Reply FromNotYours550 = Reply.Of(ReplyCode.MailboxUnavailable550, 5, 7, 1, "you may not send with this From field");
    public static readonly Reply FromOnce550 = Reply.Of(ReplyCode.MailboxUnavailable550, 5, 7, 1, "the message has to have one From field");
    public static readonly Reply HeaderTooLong550 = Reply.Of(ReplyCode.MailboxUnavailable550, 5, 7, 1, "the header section is too long to be checked");
    public static readonly Reply TlsRequired530 = Reply.Of(ReplyCode.AuthenticationRequired530, 5, 7, 0, "Must issue STARTTLS first");
    public static readonly Reply AuthRequired530 = Reply.Of(ReplyCode.AuthenticationRequired530, 5, 7, 0, "authentication required");
    public static readonly Reply LoginOver530 = Reply.Of(ReplyCode.AuthenticationRequired530, 5, 7, 0, "this user may no longer send: log in again");
    public static readonly Reply PipelinedBehindTls554 = Reply.Of(ReplyCode.TransactionFailed554, 5, 5, 1, "nothing may be pipelined behind STARTTLS");

    // Permanent: the transaction.
    public static readonly Reply ChunksOpen503 = Reply.Of(ReplyCode.BadSequence503, 5, 5, 1, "a message is coming by BDAT: finish it, or RSET");
    public static readonly Reply ChunkNeedsEhlo503 = Reply.Of(ReplyCode.BadSequence503, 5, 5, 1, "BDAT is for clients that said EHLO");
    public static readonly Reply BinaryNeedsChunks503 = Reply.Of(ReplyCode.BadSequence503, 5, 5, 1, "BODY=BINARYMIME goes with BDAT only");
    public static readonly Reply HoldTooLong501 = Reply.Of(ReplyCode.ArgumentSyntaxError501, 5, 5, 4, "the hold is longer than this server allows");

    // Permanent: the message.
    public static readonly Reply MessageTooBig552 = Reply.Of(ReplyCode.ExceededStorage552, 5, 3, 4, "message too big");
    public static readonly Reply BareLineEnding554 = Reply.Of(ReplyCode.TransactionFailed554, 5, 6, 0, "bare CR or LF in the message: lines end with CRLF");
    public static readonly Reply LoopDetected554 = Reply.Of(ReplyCode.TransactionFailed554, 5, 4, 6, "mail loop: too many Received fields");
}
