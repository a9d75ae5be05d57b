using System.Buffers;
using System.Text;

namespace Relay.Protocol.Smtp;

/// <summary>
/// Reads one command line by the grammar of RFC 5321 §4.1, strictly where a reading more or less could mean another mailbox. What is tolerated beyond the grammar: trailing white space
/// (§4.1.1), more than one space between words, spaces behind the colon of "FROM:" and "TO:" (§3.3 forbids them, many clients send them), and the names in <see cref="HelloName"/>.
/// Pure; allocates nothing; any thread.
/// </summary>
public static class CommandParser
{
    private static readonly SearchValues<byte> Controls = SearchValues.Create(
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 127);

    /// <summary>RFC 4422 §3.1: <c>sasl-mech = 1*20mech-char</c>.</summary>
    private const int MaximumMechanismLength = 20;

    private static readonly SearchValues<byte> MechanismOctets = SearchValues.Create("-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"u8);

    /// <summary>
    /// Null and a command, or the refusal: <see cref="Command.Verb"/> is set even then, so that the caller can answer "not now" before "not like that".
    /// <paramref name="line"/> is without CRLF. A parameter counts only when its extension is in <paramref name="offered"/>.
    /// With SMTPUTF8 offered, RCPT takes a UTF-8 mailbox: whether its transaction is one of SMTPUTF8 is the caller's to check (<see cref="Command.NeedsSmtpUtf8"/>).
    /// What XCLIENT says is read by <see cref="XClientAttributes"/>.
    /// </summary>
    public static Reply? Parse(ReadOnlySpan<byte> line, Extensions offered, out Command command)
    {
        command = default;
        line = line.TrimEnd(" \t"u8);
        command.Verb = VerbReader.Read(line, out int length);
        if (command.Verb is Verb.Unknown or Verb.Http)
        {
            return Replies.CommandUnrecognized500;
        }

        // NUL above all: whoever keeps the line as a C string would see another one.
        if (line.ContainsAny(Controls))
        {
            return Replies.ControlCharacter501;
        }

        ReadOnlySpan<byte> argument = line[length..].TrimStart((byte)' ');
        command.Argument = argument;
        switch (command.Verb)
        {
            case Verb.Ehlo:
            case Verb.Helo:
                return HelloName.IsValid(argument) ? null : argument.IsEmpty ? Replies.ArgumentMissing501 : Replies.HelloNameInvalid501;
            case Verb.Mail:
                return Mail(argument, offered, ref command);
            case Verb.Rcpt:
                return Rcpt(argument, offered, ref command);
            case Verb.Data:
            case Verb.Rset:
            case Verb.Quit:
            case Verb.StartTls:
                return argument.IsEmpty ? null : Replies.ArgumentUnexpected501;
            case Verb.Bdat:
                bool valid = Chunk.TryParse(argument, out Chunk chunk);
                command.Chunk = chunk;
                return valid ? null : Replies.ChunkSyntax501;
            case Verb.Auth:
                return Auth(argument, ref command);
            case Verb.Vrfy:
            case Verb.Expn:
                command.NeedsSmtpUtf8 = !Ascii.IsValid(argument);
                return argument.IsEmpty ? Replies.ArgumentMissing501 : null;
            case Verb.XClient:
                return argument.IsEmpty ? Replies.ArgumentMissing501 : null;
            default:
                return null;
        }
    }

    /// <summary><c>"MAIL FROM:" Reverse-path [SP Mail-parameters]</c>, <c>Reverse-path = Path / "&lt;&gt;"</c>.</summary>
    private static Reply? Mail(ReadOnlySpan<byte> argument, Extensions offered, ref Command command)
    {
        if (!TryPath(argument, "FROM:"u8, out ReadOnlySpan<byte> path, out ReadOnlySpan<byte> parameters))
        {
            return Replies.MailSyntax501;
        }

        bool ascii = Ascii.IsValid(path);
        if (!ascii && (offered & Extensions.SmtpUtf8) == 0)
        {
            return Replies.AddressNotAscii553;
        }

        if (!path.IsEmpty && !TryMailbox(path, !ascii, ref command))
        {
            return Replies.SenderSyntax501;
        }

        Reply? refusal = MailParameterParser.Parse(parameters, offered, out MailParameters mail);
        command.Mail = mail;
        return refusal ?? (ascii || mail.SmtpUtf8 ? null : Replies.AddressNotAscii553);
    }

    /// <summary><c>"RCPT TO:" ( "&lt;Postmaster&gt;" / Forward-path ) [SP Rcpt-parameters]</c>.</summary>
    private static Reply? Rcpt(ReadOnlySpan<byte> argument, Extensions offered, ref Command command)
    {
        if (!TryPath(argument, "TO:"u8, out ReadOnlySpan<byte> path, out ReadOnlySpan<byte> parameters))
        {
            return Replies.RcptSyntax501;
        }

        bool ascii = Ascii.IsValid(path);
        if (!ascii && (offered & Extensions.SmtpUtf8) == 0)
        {
            return Replies.AddressNotAscii553;
        }

        if (Ascii.EqualsIgnoreCase(path, "postmaster"u8))
        {
            command.Path = path;
        }
        else if (!TryMailbox(path, !ascii, ref command))
        {
            return Replies.RecipientSyntax501;
        }

        Reply? refusal = RcptParameterParser.Parse(parameters, offered, out RcptParameters rcpt);
        command.Rcpt = rcpt;
        command.NeedsSmtpUtf8 = !ascii || !Ascii.IsValid(rcpt.OriginalRecipient);
        return refusal;
    }

    /// <summary><c>"AUTH" SP sasl-mech [SP initial-response]</c> (RFC 4954 §4, RFC 4422 §3.1). The response is a secret: it is only cut off here, and never part of a reply or a log.</summary>
    private static Reply? Auth(ReadOnlySpan<byte> argument, ref Command command)
    {
        int space = argument.IndexOf((byte)' ');
        ReadOnlySpan<byte> mechanism = space < 0 ? argument : argument[..space];
        ReadOnlySpan<byte> response = space < 0 ? default : argument[space..].TrimStart((byte)' ');
        command.Mechanism = mechanism;
        command.HasInitialResponse = space >= 0;
        command.InitialResponse = response.SequenceEqual("="u8) ? default : response;
        return mechanism.IsEmpty ? Replies.ArgumentMissing501
            : mechanism.Length > MaximumMechanismLength || mechanism.ContainsAnyExcept(MechanismOctets) || response.Contains((byte)' ') ? Replies.AuthSyntax501
            : null;
    }

    /// <summary>Splits what follows the verb into what stands between the angle brackets and what follows them. Knows only so much of mailboxes as to see a "&gt;" in quotes.</summary>
    private static bool TryPath(ReadOnlySpan<byte> argument, ReadOnlySpan<byte> keyword, out ReadOnlySpan<byte> path, out ReadOnlySpan<byte> parameters)
    {
        path = default;
        parameters = default;
        if (argument.Length < keyword.Length || !Ascii.EqualsIgnoreCase(argument[..keyword.Length], keyword))
        {
            return false;
        }

        argument = argument[keyword.Length..].TrimStart((byte)' ');
        if (argument.IsEmpty || argument[0] != '<')
        {
            return false;
        }

        argument = argument[1..];
        int end = argument.IndexOfAny((byte)'"', (byte)'>');
        while (end >= 0 && argument[end] == '"')
        {
            int quoted = Mailbox.QuotedLength(argument[end..], utf8: true);
            int next = quoted < 0 ? -1 : argument[(end + quoted)..].IndexOfAny((byte)'"', (byte)'>');
            end = next < 0 ? -1 : end + quoted + next;
        }

        if (end < 0)
        {
            return false;
        }

        path = argument[..end];
        parameters = argument[(end + 1)..];
        return parameters.IsEmpty || parameters[0] == ' ';
    }

    /// <summary><c>Path = "&lt;" [ A-d-l ":" ] Mailbox "&gt;"</c>, <c>A-d-l = "@" Domain *( ",@" Domain )</c>. RFC 5321 §4.1.1.3: the source route is read and ignored.</summary>
    private static bool TryMailbox(ReadOnlySpan<byte> path, bool utf8, ref Command command)
    {
        if (path.Length > Mailbox.MaximumLength)
        {
            return false;
        }

        while (!path.IsEmpty && path[0] == '@')
        {
            int end = path.IndexOfAny((byte)',', (byte)':');
            if (end < 0 || !Domain.IsValid(path[1..end], utf8))
            {
                return false;
            }

            bool last = path[end] == ':';
            path = path[(end + 1)..];
            if (last == (!path.IsEmpty && path[0] == '@'))
            {
                return false;
            }
        }

        if (!Mailbox.TryParse(path, out Mailbox mailbox, utf8))
        {
            return false;
        }

        command.Path = path;
        command.Domain = mailbox.Domain;
        return true;
    }
}
