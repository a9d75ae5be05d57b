using System.Buffers;
using System.Text;
using CsCheck;
using MimeKit;
using Relay.Protocol.Dsn;
using Relay.Protocol.Message;
using Relay.Protocol.Smtp;

namespace Relay.Protocol.Tests.Dsn;

public class StatusReportTests
{
    private static EnhancedStatusCode NoStatus => default;

    private static byte[] Write(string original, params ReportedRecipient[] recipients) => WriteTo("sender@example.org", original, recipients);

    private static byte[] WriteTo(string reversePath, string original, params ReportedRecipient[] recipients) => WriteTo(reversePath, original, "Something happened.\n", null, recipients);

    private static byte[] WriteTo(string reversePath, string original, string text, DateTimeOffset? retryUntil, params ReportedRecipient[] recipients) =>
        WriteTo(reversePath, original, "Undelivered mail returned to sender", text, retryUntil, "", false, recipients);

    private static byte[] WriteTo(string reversePath, string original, string subject, string text, DateTimeOffset? retryUntil, string envelopeId, bool full, params ReportedRecipient[] recipients)
    {
        var info = new StatusReportInfo
        {
            Host = "relay.example",
            ReversePath = Encoding.UTF8.GetBytes(reversePath),
            OriginalId = new QueueId(1),
            EnvelopeId = Encoding.ASCII.GetBytes(envelopeId),
            Id = new QueueId(2),
            Token = UInt128.MaxValue / 3,
            Arrived = new DateTimeOffset(2026, 11, 24, 8, 0, 38, TimeSpan.Zero),
            Date = new DateTimeOffset(2026, 11, 24, 9, 0, 0, TimeSpan.Zero),
            Recipients = recipients,
            RetryUntil = retryUntil,
            Subject = subject,
            Text = text,
            Language = "en",
            IsFull = full,
        };
        var output = new ArrayBufferWriter<byte>();
        StatusReport.WriteHead(output, info);
        if (full)
        {
            StatusReport.WriteOriginal(output, Segments.Bytes(original));
        }
        else
        {
            StatusReport.WriteOriginalHeader(output, Segments.Bytes(original));
        }

        StatusReport.WriteTail(output, info);
        return output.WrittenSpan.ToArray();
    }

    /// <summary>What holds for every report, whatever was put into it.</summary>
    private static (MimeMessage Message, string Text, MessageDeliveryStatus Status, MimeMessage Original) Parse(byte[] bytes)
    {
        string wire = Encoding.Latin1.GetString(bytes);
        Assert.DoesNotContain(wire.Replace("\r\n", "", StringComparison.Ordinal), static c => c is (< ' ' and not '\t') or > '~');
        Assert.EndsWith("--\r\n", wire, StringComparison.Ordinal);
        Assert.All(wire.Split("\r\n"), static line => Assert.InRange(line.Length, 0, 998));

        MimeMessage message = MimeMessage.Load(new MemoryStream(bytes), TestContext.Current.CancellationToken);
        Assert.Equal("MAILER-DAEMON@relay.example", message.From.Mailboxes.Single().Address);
        Assert.Equal("auto-replied", message.Headers["Auto-Submitted"]);
        Assert.Equal(7, message.Headers.Count);
        MultipartReport report = Assert.IsType<MultipartReport>(message.Body);
        Assert.Equal("delivery-status", report.ReportType);
        Assert.Equal(3, report.Count);
        MimeMessage original = Assert.IsType<TextRfc822Headers>(report[2]).Message!;
        return (message, Assert.IsType<TextPart>(report[0]).Text, Assert.IsType<MessageDeliveryStatus>(report[1]), original);
    }

    [Fact]
    public void A_report_of_a_delay_says_until_when_the_recipient_is_tried()
    {
        var until = new DateTimeOffset(2026, 11, 29, 8, 0, 38, TimeSpan.Zero);
        var (_, _, status, _) = Parse(WriteTo("sender@example.org", "Subject: x\r\n\r\n", "late", until, new ReportedRecipient("late@example.com", ReportAction.Delayed, new EnhancedStatusCode(4, 4, 7))));
        HeaderList recipient = status.StatusGroups[1];
        Assert.Equal("delayed", recipient["Action"]);
        Assert.Equal("4.4.7", recipient["Status"]);
        Assert.Equal("Sun, 29 Nov 2026 08:00:38 +0000", recipient["Will-Retry-Until"]);
    }

    [Fact]
    public void G20_a_report_reads_back_as_what_it_tells()
    {
        var reply = new PeerReply(550, new EnhancedStatusCode(5, 1, 1), "no such user here");
        var (message, text, status, original) = Parse(Write(
            "Subject: hello\r\nFrom: Somebody <sender@example.org>\r\nX-Long: a\r\n\tb\r\n\r\nthe body",
            new ReportedRecipient("nobody@example.net", ReportAction.Failed, NoStatus, reply, "mx.example.net"),
            new ReportedRecipient("\"some  one\"@late.example", ReportAction.Failed, new EnhancedStatusCode(4, 4, 7))));

        Assert.Equal("sender@example.org", message.To.Mailboxes.Single().Address);
        Assert.Equal(new DateTimeOffset(2026, 11, 24, 9, 0, 0, TimeSpan.Zero), message.Date);
        Assert.Equal("0000000000002.report@relay.example", message.MessageId);
        Assert.Equal("Undelivered mail returned to sender", message.Subject);
        Assert.Equal("Something happened.\n", text.ReplaceLineEndings("\n"));

        Assert.Equal(3, status.StatusGroups.Count);
        Assert.Equal("dns; relay.example", status.StatusGroups[0]["Reporting-MTA"]);
        Assert.Equal("0000000000001", status.StatusGroups[0]["X-Queue-Id"]);
        Assert.Equal("Tue, 24 Nov 2026 08:00:38 +0000", status.StatusGroups[0]["Arrival-Date"]);
        HeaderList first = status.StatusGroups[1];
        Assert.Equal(("rfc822; nobody@example.net", "failed", "5.1.1", "dns; mx.example.net", "smtp; 550 5.1.1 no such user here"),
            (first["Final-Recipient"], first["Action"], first["Status"], first["Remote-MTA"], first["Diagnostic-Code"]));
        HeaderList second = status.StatusGroups[2];
        Assert.Equal(("rfc822; \"some  one\"@late.example", "failed", "4.4.7", null, null),
            (second["Final-Recipient"], second["Action"], second["Status"], second["Remote-MTA"], second["Diagnostic-Code"]));

        Assert.Equal(("hello", "a\tb"), (original.Subject, original.Headers["X-Long"]));
        Assert.Equal(3, original.Headers.Count);
        Assert.DoesNotContain("the body", Encoding.Latin1.GetString(Write("Subject: hello\r\n\r\nthe body", new ReportedRecipient("a@b", ReportAction.Failed, NoStatus))), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(550, 5, 1, 1, "5.1.1")]
    [InlineData(550, 0, 0, 0, "5.0.0")]
    [InlineData(450, 0, 0, 0, "4.0.0")]
    [InlineData(250, 2, 0, 0, "5.0.0")]
    public void Every_recipient_has_a_status_even_when_the_server_gave_none(int code, byte @class, ushort subject, ushort detail, string expected)
    {
        var reply = new PeerReply(code, new EnhancedStatusCode(@class, subject, detail), "text");
        Assert.Equal(expected, Parse(Write("", new ReportedRecipient("a@b", ReportAction.Failed, NoStatus, reply))).Status.StatusGroups[1]["Status"]);
    }

    [Fact]
    public void J11_nothing_in_a_reply_gets_out_of_its_place()
    {
        string boundary = "--=_0000000000002_55555555555555555555555555555555--";
        string[] texts =
        [
            "\r\n\r\nFrom: x\r\n\r\n" + boundary,
            "\r\n" + boundary + "\r\n.\r\nMAIL FROM:<x>",
            "\x1b[2J\0\a\u0085\u202e\u2028",
            new string('x', 100_000),
            string.Concat(Enumerable.Repeat("word ", 20_000)),
            "\ud800 half a pair, and a whole one \ud83d\ude00",
            "\t \t",
            ". . .\r\n.\r\n",
        ];
        foreach (string text in texts)
        {
            byte[] bytes = WriteTo("sender@example.org", "Subject: x\r\n\r\n", text, text, null, "", false, new ReportedRecipient(text.Length > 1000 ? "a@b" : text, ReportAction.Failed, NoStatus, new PeerReply(550, NoStatus, text), text), new ReportedRecipient("c@d", ReportAction.Failed, NoStatus));
            var (_, _, status, original) = Parse(bytes);
            Assert.Equal(3, status.StatusGroups.Count);
            Assert.Equal("rfc822; c@d", status.StatusGroups[2]["Final-Recipient"]);
            Assert.Equal(4, status.StatusGroups[2].Count);
            Assert.Equal(6, status.StatusGroups[1].Count);
            Assert.Equal("x", original.Subject);
            Assert.DoesNotContain("\r\n.", Encoding.Latin1.GetString(bytes), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Lines_of_ordinary_text_are_folded_before_column_78()
    {
        string words = string.Concat(Enumerable.Repeat("lorem ipsum ", 50));
        string wire = Encoding.Latin1.GetString(Write("", new ReportedRecipient("a@b", ReportAction.Failed, NoStatus, new PeerReply(550, NoStatus, words), "mx.example.net")));
        Assert.All(wire.Split("\r\n"), static line => Assert.InRange(line.Length, 0, 78));
        Assert.Contains(words.Trim(), Parse(Encoding.Latin1.GetBytes(wire)).Status.StatusGroups[1]["Diagnostic-Code"]!.Replace("\r\n", "", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Fact]
    public void An_address_in_UTF8_is_written_in_ASCII()
    {
        byte[] bytes = WriteTo("\u00fc@example.org", "Subject: \xfc\r\n", new ReportedRecipient("\u00fc@\u4f8b.example", ReportAction.Failed, NoStatus));
        var (message, _, status, original) = Parse(bytes);
        Assert.Empty(message.To.Mailboxes);
        Assert.Equal("utf-8; \\x{FC}@\\x{4F8B}.example", status.StatusGroups[1]["Final-Recipient"]);
        Assert.Equal("?", original.Subject);
    }

    [Fact]
    public void The_header_of_the_original_is_bounded_and_cut_between_lines()
    {
        string field = "X-Many: " + new string('v', 100) + "\r\n";
        string huge = string.Concat(Enumerable.Repeat(field, 2000));
        var (_, _, _, original) = Parse(Write(huge, new ReportedRecipient("a@b", ReportAction.Failed, NoStatus)));
        Assert.Equal(StatusReport.MaximumOriginalHeader / field.Length, original.Headers.Count);
        Assert.All(original.Headers, static h => Assert.Equal(100, h.Value.Length));
        Parse(Write("X-Line: " + new string('v', 20_000) + "\r\n.Dot: y\r\n", new ReportedRecipient("a@b", ReportAction.Failed, NoStatus)));
        Parse(Write(new string('v', 200_000), new ReportedRecipient("a@b", ReportAction.Failed, NoStatus)));
    }

    [Fact]
    public void G20_what_the_sender_gave_along_comes_back_decoded()
    {
        var (_, _, status, _) = Parse(WriteTo("sender@example.org", "", "s", "t", null, "id+2B1+3D2", false,
            new ReportedRecipient("a@b", ReportAction.Relayed, NoStatus, new PeerReply(250, new EnhancedStatusCode(2, 1, 5), "ok"), "mx.example") { OriginalRecipient = "rfc822;First+20Last@b" },
            new ReportedRecipient("c@d", ReportAction.Relayed, NoStatus) { OriginalRecipient = "utf-8;\u00fc@d" }));
        Assert.Equal("id+1=2", status.StatusGroups[0]["Original-Envelope-Id"]);
        Assert.Equal(("rfc822; First Last@b", "relayed", "2.1.5"), (status.StatusGroups[1]["Original-Recipient"], status.StatusGroups[1]["Action"], status.StatusGroups[1]["Status"]));
        Assert.Equal(("utf-8; \\x{FC}@d", "2.0.0"), (status.StatusGroups[2]["Original-Recipient"], status.StatusGroups[2]["Status"]));
    }

    [Fact]
    public void The_whole_message_comes_back_where_it_is_asked_for()
    {
        byte[] bytes = WriteTo("sender@example.org", "Subject: hello\r\n\r\nthe body\r\n.\r\n", "s", "t", null, "", true, new ReportedRecipient("a@b", ReportAction.Failed, NoStatus));
        MimeMessage message = MimeMessage.Load(new MemoryStream(bytes), TestContext.Current.CancellationToken);
        MimeMessage original = Assert.IsType<MessagePart>(Assert.IsType<MultipartReport>(message.Body)[2]).Message!;
        Assert.Equal(("hello", "the body\r\n.\r\n"), (original.Subject, original.TextBody!.ReplaceLineEndings("\r\n")));
    }

    [Theory]
    [InlineData("\u65e0\u6cd5\u6295\u9012 \u90ae\u4ef6", "\u60a8\u7684\u90ae\u4ef6\r\n\r\n--x\r\n.")]
    [InlineData("Zur\u00fcck an Absender, weil es eine sehr lange Betreffzeile mit Umlauten \u00e4\u00f6\u00fc ist, die gefaltet wird \ud83d\ude00", "\u00fc")]
    public void Text_of_any_language_reads_back(string subject, string text)
    {
        var (message, read, _, _) = Parse(WriteTo("sender@example.org", "", subject, text, null, "", false, new ReportedRecipient("a@b", ReportAction.Failed, NoStatus)));
        Assert.Equal(subject, message.Subject);
        Assert.Equal(text + "\r\n", read.ReplaceLineEndings("\r\n"));
    }

    [Fact]
    public void J12_no_report_is_written_to_the_null_reverse_path() =>
        Assert.Throws<ArgumentException>(static () => WriteTo("", "", new ReportedRecipient("a@b", ReportAction.Failed, NoStatus)));

    [Fact]
    public void Any_text_anywhere_leaves_the_report_well_formed() => Check.Sample(
        Gen.Select(Gen.String[0, 200], Gen.OneOf<string>("\r\n", "\r\n\r\n", "--", ".", " ", "=_", "x", "\0", "\u00e9", ":", ";", "\"").Array[0, 20].Select(static p => string.Concat(p)), Gen.Byte.Array[0, 200]),
        static (a, b, header) =>
        {
            var (_, _, status, _) = Parse(WriteTo("sender@example.org", Encoding.Latin1.GetString(header), b, a, null, "", false, new ReportedRecipient("a@b", ReportAction.Failed, NoStatus, new PeerReply(550, NoStatus, b), b), new ReportedRecipient("c@d", ReportAction.Failed, NoStatus, new PeerReply(550, NoStatus, a))));
            Assert.Equal(3, status.StatusGroups.Count);
            Assert.Equal("rfc822; c@d", status.StatusGroups[2]["Final-Recipient"]);
        },
        iter: 2_000);
}
