using System.Buffers;
using Relay.Protocol.Smtp;

namespace Relay.Fuzz.Targets;

/// <summary>
/// What a client was allowed to say, said again to the next server: whatever MAIL or RCPT is accepted, ours is one line with one CRLF at its end, and means the same path (CVE-2025-7962 and its like put a second
/// command into an address).
/// </summary>
internal sealed class OutboundTarget : IFuzzTarget
{
    private const Extensions Everything = (Extensions)uint.MaxValue;

    public static string Name => "outbound";

    public static IReadOnlyList<string> Tokens =>
    [
        .. CommandTarget.Tokens, "\r", "\n", "\r\n", "\0", "\u007F", "\u0085", "\\\r", "\"\r\n\"", "+0D+0A", " AUTH=", " AUTH=a+0D+0Ab", " AUTH=<>", " BY=9;R", " BY=-1;NT", " MT-PRIORITY=3", " ENVID=+0D", "\u00E2\u0080\u00A8",
    ];

    public static int Fuzz(ReadOnlySpan<byte> input)
    {
        if (CommandParser.Parse(input, Everything, out Command command) is not null || command.Verb is not (Verb.Mail or Verb.Rcpt))
        {
            return 0;
        }

        var output = new ArrayBufferWriter<byte>();
        if (command.Verb == Verb.Rcpt)
        {
            CommandWriter.Rcpt(output, command.Path);
        }
        else
        {
            MailParameters mail = command.Mail;
            CommandWriter.Mail(output, command.Path, new MailArguments
            {
                Size = mail.Size, Body = mail.Body, SmtpUtf8 = mail.SmtpUtf8, DeliverBy = mail.DeliverBy, Priority = mail.Priority ?? 0, Submitter = mail.Submitter,
            });
        }

        ReadOnlySpan<byte> written = output.WrittenSpan;
        Check.Equal(written.Length - 2, written.IndexOfAny((byte)'\r', (byte)'\n', (byte)0), "where the first of CR, LF and NUL is");
        Check.Equal((byte)'\n', written[^1], "the last octet");
        Check.Equal(null, CommandParser.Parse(written[..^2], Everything, out Command again)?.Text, "the refusal of our own command");
        Check.Equal(Octets.Text(command.Path), Octets.Text(again.Path), "path");
        return HashCode.Combine((int)command.Verb, written.Length / 8, command.Verb == Verb.Mail ? (int)command.Mail.Body : 0);
    }
}
