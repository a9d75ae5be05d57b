using System.Buffers;
using System.Globalization;
using System.Text;
using Relay.Protocol.Message;
using Relay.Protocol.Smtp;

namespace Relay.Protocol.Dsn;

/// <summary>
/// Writes the report of what became of a message: multipart/report (RFC 6522) of a text for people, message/delivery-status (RFC 3464), and the original or its header fields.
/// In three steps, so that nothing is held in memory: <see cref="WriteHead"/>, <see cref="WriteOriginalHeader"/> or <see cref="WriteOriginal"/> for each piece, <see cref="WriteTail"/>. Whatever servers, senders and recipients put into
/// their texts, the report stays one well-formed message of 7-bit lines. Some line of the original's fields may begin with a dot: the report's envelope carries
/// <see cref="EnvelopeFlags.HasLeadingDot"/>. Stateless; any thread.
/// </summary>
public static class StatusReport
{
    /// <summary>More of a header section than this is left out.</summary>
    public const int MaximumOriginalHeader = 64 * 1024;

    /// <summary>RFC 5322 §2.1.1.</summary>
    private const int MaximumLine = 998;

    /// <summary>Everything up to the part that takes the original's header fields.</summary>
    public static void WriteHead(IBufferWriter<byte> output, in StatusReportInfo info)
    {
        if (info.ReversePath.IsEmpty || info.Recipients.IsEmpty)
        {
            throw new ArgumentException("A report needs somebody to go to and something to say; none is ever sent to the null reverse-path (RFC 5321 §6.1).", nameof(info));
        }

        Header(output, info);
        Delimiter(output, info);
        ForPeople(output, info);
        Delimiter(output, info);
        ForMachines(output, info);
        Delimiter(output, info);
        output.Write(info.IsFull
            ? "Content-Description: The message\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: 7bit\r\n\r\n"u8
            : "Content-Description: Header of the message\r\nContent-Type: text/rfc822-headers\r\nContent-Transfer-Encoding: 7bit\r\n\r\n"u8);
    }

    /// <summary>
    /// Writes the header section with which <paramref name="message"/> begins; the first <see cref="MaximumOriginalHeader"/> octets of the stored message are enough, once. Octets above
    /// 127 come out as "?", since the report is 7-bit.
    /// </summary>
    public static void WriteOriginalHeader(IBufferWriter<byte> output, ReadOnlySpan<byte> message)
    {
        bool whole = message.Length < MaximumOriginalHeader;
        message = whole ? message : message[..MaximumOriginalHeader];
        while (!message.IsEmpty)
        {
            int end = message.IndexOf("\r\n"u8);
            if (end == 0 || (end < 0 && !whole))
            {
                return;
            }

            ReadOnlySpan<byte> line = end < 0 ? message : message[..end];
            message = end < 0 ? default : message[(end + 2)..];
            while (line.Length >= MaximumLine)
            {
                // The next piece needs room for the space that makes it a continuation.
                Clean(output, line[..(MaximumLine - 1)]);
                output.Write("\r\n "u8);
                line = line[(MaximumLine - 1)..];
            }

            Clean(output, line);
            output.Write("\r\n"u8);
        }
    }

    /// <summary>Writes a piece of the whole original, where <see cref="StatusReportInfo.IsFull"/> says that it follows. Octets that a 7-bit message can't have come out as "?".</summary>
    public static void WriteOriginal(IBufferWriter<byte> output, ReadOnlySpan<byte> piece)
    {
        Span<byte> room = output.GetSpan(Math.Max(piece.Length, 1));
        for (int i = 0; i < piece.Length; i++)
        {
            room[i] = piece[i] is > 0 and < 0x80 ? piece[i] : (byte)'?';
        }

        output.Advance(piece.Length);
    }

    /// <summary>Ends the report. <paramref name="info"/> is the one that began it.</summary>
    public static void WriteTail(IBufferWriter<byte> output, in StatusReportInfo info)
    {
        output.Write("\r\n--"u8);
        Boundary(output, info);
        output.Write("--\r\n"u8);
    }

    private static void Header(IBufferWriter<byte> output, in StatusReportInfo info)
    {
        output.Write("From: Mail Delivery System <MAILER-DAEMON@"u8);
        Clean(output, info.Host);
        output.Write(">\r\nTo: "u8);
        // Only RFC 6532 header fields could name a UTF-8 address, and the report is 7-bit: its envelope says where it goes.
        if (Ascii.IsValid(info.ReversePath))
        {
            output.Write("<"u8);
            Clean(output, info.ReversePath);
            output.Write(">\r\n"u8);
        }
        else
        {
            output.Write("undisclosed-recipients:;\r\n"u8);
        }

        output.Write("Subject: "u8);
        ReportText.WriteSubject(output, info.Subject);
        output.Write("\r\nDate: "u8);
        Date(output, info.Date);
        output.Write("\r\nMessage-ID: <"u8);
        Id(output, info.Id);
        output.Write(".report@"u8);
        Clean(output, info.Host);
        // RFC 3834 §5: nothing automatic may answer it.
        output.Write(">\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\""u8);
        Boundary(output, info);
        output.Write("\"\r\n\r\nThis is a message in MIME format.\r\n"u8);
    }

    private static void ForPeople(IBufferWriter<byte> output, in StatusReportInfo info)
    {
        output.Write("Content-Description: Notification\r\nContent-Language: "u8);
        Clean(output, info.Language);
        ReportText.WritePart(output, info.Text);
    }

    private static void ForMachines(IBufferWriter<byte> output, in StatusReportInfo info)
    {
        output.Write("Content-Description: Delivery report\r\nContent-Type: message/delivery-status\r\nContent-Transfer-Encoding: 7bit\r\n\r\nReporting-MTA: dns; "u8);
        Clean(output, info.Host);
        output.Write("\r\nX-Queue-Id: "u8);
        Id(output, info.OriginalId);
        output.Write("\r\n"u8);
        if (!info.EnvelopeId.IsEmpty)
        {
            Field(output, "Original-Envelope-Id:"u8, Decoded(info.EnvelopeId));
        }

        Field(output, "Arrival-Date: "u8, info.Arrived);
        foreach (ReportedRecipient recipient in info.Recipients)
        {
            // RFC 6533 §3: an address that isn't ASCII is of type utf-8, and its characters are written as numbers in a 7-bit report.
            output.Write("\r\n"u8);
            if (recipient.OriginalRecipient?.Split(';', 2) is [var type, var original])
            {
                // RFC 3464 §2.3.1: as the sender gave it, which is what he can find again.
                Whole(output, "Original-Recipient:"u8, $"{type}; {(type.Equals("utf-8", StringComparison.OrdinalIgnoreCase) ? original : Decoded(Encoding.ASCII.GetBytes(original)))}");
            }

            Whole(output, "Final-Recipient:"u8, $"{(Ascii.IsValid(recipient.Address) ? "rfc822" : "utf-8")}; {recipient.Address}");
            output.Write(recipient.Action switch
            {
                ReportAction.Failed => "Action: failed\r\n"u8,
                ReportAction.Delayed => "Action: delayed\r\n"u8,
                ReportAction.Relayed => "Action: relayed\r\n"u8,
                _ => "Action: delivered\r\n"u8,
            });
            Field(output, "Status:"u8, recipient.EffectiveStatus.ToString());
            if (recipient.RemoteHost is { } host)
            {
                Field(output, "Remote-MTA:"u8, $"dns; {host}");
            }

            if (recipient.Reply is { } reply)
            {
                Field(output, "Diagnostic-Code:"u8, $"smtp; {reply}");
            }

            Field(output, "Last-Attempt-Date: "u8, info.Date);
            if (recipient.Action == ReportAction.Delayed && info.RetryUntil is { } end)
            {
                Field(output, "Will-Retry-Until: "u8, end);
            }
        }
    }

    /// <summary>What xtext stands for; what isn't ASCII in it comes out as its number.</summary>
    private static string Decoded(ReadOnlySpan<byte> xtext)
    {
        byte[] octets = new byte[xtext.Length];
        return Encoding.UTF8.GetString(XText.TryDecode(xtext, octets, out int length) ? octets.AsSpan(0, length) : xtext);
    }

    /// <summary>A field whose value isn't to be broken.</summary>
    private static void Whole(IBufferWriter<byte> output, ReadOnlySpan<byte> name, string value)
    {
        output.Write(name);
        var text = new FoldedText(output, indent: 1, column: name.Length, fresh: false);
        text.Word(value);
        text.End();
    }

    private static void Field(IBufferWriter<byte> output, ReadOnlySpan<byte> name, string value)
    {
        output.Write(name);
        var text = new FoldedText(output, indent: 1, column: name.Length, fresh: false);
        text.Words(value);
        text.End();
    }

    private static void Field(IBufferWriter<byte> output, ReadOnlySpan<byte> name, DateTimeOffset date)
    {
        output.Write(name);
        Date(output, date);
        output.Write("\r\n"u8);
    }

    private static void Delimiter(IBufferWriter<byte> output, in StatusReportInfo info)
    {
        output.Write("\r\n--"u8);
        Boundary(output, info);
        output.Write("\r\n"u8);
    }

    /// <summary>"=_" can't come in quoted-printable or base64 text (RFC 2045 §6.7), the number can't be known to anybody.</summary>
    private static void Boundary(IBufferWriter<byte> output, in StatusReportInfo info)
    {
        output.Write("=_"u8);
        Id(output, info.Id);
        output.Write("_"u8);
        Span<byte> token = stackalloc byte[32];
        info.Token.TryFormat(token, out int length, "x32", CultureInfo.InvariantCulture);
        output.Write(token[..length]);
    }

    private static void Id(IBufferWriter<byte> output, QueueId id)
    {
        Span<byte> text = stackalloc byte[QueueId.TextLength];
        id.TryFormat(text, out int length);
        output.Write(text[..length]);
    }

    private static void Date(IBufferWriter<byte> output, DateTimeOffset date)
    {
        Span<byte> text = stackalloc byte[MessageDate.TextLength];
        MessageDate.Format(date, text);
        output.Write(text);
    }

    private static void Clean(IBufferWriter<byte> output, string host)
    {
        Span<byte> text = stackalloc byte[Domain.MaximumLength];
        int length = Encoding.ASCII.GetBytes(host.AsSpan(0, Math.Min(host.Length, text.Length)), text);
        Clean(output, text[..length]);
    }

    private static void Clean(IBufferWriter<byte> output, ReadOnlySpan<byte> text)
    {
        Span<byte> room = output.GetSpan(Math.Max(text.Length, 1));
        for (int i = 0; i < text.Length; i++)
        {
            room[i] = text[i] is (>= (byte)' ' and <= (byte)'~') or (byte)'\t' ? text[i] : (byte)'?';
        }

        output.Advance(text.Length);
    }
}
