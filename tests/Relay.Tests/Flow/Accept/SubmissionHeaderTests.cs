using System.Buffers;
using System.Text;
using Relay.Flow.Accept;
using Relay.Flow.Policy;
using Relay.Protocol.Message;
using Relay.Protocol.Smtp;
using Relay.Tests.Support;

namespace Relay.Tests.Flow.Accept;

public class SubmissionHeaderTests
{
    private const string Date = "Date: Tue, 24 Nov 2026 08:00:38 +0000\r\n";
    private static readonly DateTimeOffset Now = new(2026, 11, 24, 8, 0, 38, TimeSpan.Zero);
    private static readonly string Id = $"Message-ID: <{default(QueueId)}@relay.example.net>\r\n";
    private static readonly Account User = TestAccounts.One.Find("user")!;

    [Theory]
    [InlineData("From: a@b.example\r\n\r\nbody\r\n", "dateid|From: a@b.example\r\n\r\nbody\r\n")]
    [InlineData("From: a@b.example\r\nDate: x\r\nmessage-id: y\r\n\r\n\r\nbody", "|From: a@b.example\r\nDate: x\r\nmessage-id: y\r\n\r\n\r\nbody")]
    [InlineData("From: a@b.example\r\nDate: x\r\n\r\n", "id|From: a@b.example\r\nDate: x\r\n\r\n")]
    [InlineData("Bcc: c@d.example,\r\n e@f.example\r\nFrom: a@b.example\r\nBCC : g@h.example\r\nResent-Bcc:\r\nTo: i@j.example\r\n\r\nBcc: body\r\n", "dateid|From: a@b.example\r\nTo: i@j.example\r\n\r\nBcc: body\r\n")]
    [InlineData("From: a@b.example\r\nBcc: c@d.example", "dateid|From: a@b.example\r\n")]
    [InlineData("no field\r\nFrom: a@b.example\r\n", "dateid|no field\r\nFrom: a@b.example\r\n")]
    public void What_is_missing_is_added_and_Bcc_is_gone_however_the_message_is_cut(string message, string expected)
    {
        string[] parts = expected.Split('|');
        expected = (parts[0].Contains("date", StringComparison.Ordinal) ? Date : "") + (parts[0].Contains("id", StringComparison.Ordinal) ? Id : "") + parts[1];
        for (int cut = 0; cut <= message.Length; cut++)
        {
            Assert.Null(Pass(User, out string passed, message[..cut], message[cut..]));
            Assert.Equal(expected, passed);
        }

        Assert.Null(Pass(User, out string inOctets, [.. message.Select(static c => c.ToString())]));
        Assert.Equal(expected, inOctets);
    }

    [Theory]
    [InlineData("From: a@b.example\r\n", null)]
    [InlineData("From: a@x.example\r\n", "550 5.7.1 you may not send with this From field")]
    [InlineData("From: a@b.example, c@x.example\r\n", "550 5.7.1 you may not send with this From field")]
    [InlineData("From: a@x.example <a@b.example>\r\n", "550 5.7.1 you may not send with this From field")]
    [InlineData("From: a@b.example\r\nFROM: a@b.example\r\n", "550 5.7.1 the message has to have one From field")]
    [InlineData("Subject: x\r\n\r\nFrom: a@b.example\r\n", "550 5.7.1 the message has to have one From field")]
    [InlineData("", "550 5.7.1 the message has to have one From field")]
    public void From_is_there_once_and_the_users_own(string message, string? refusal) => Assert.Equal(refusal, Pass(User, out _, message)?.ToString());

    [Fact]
    public void Whose_From_it_is_does_not_matter_where_no_account_is_known() => Assert.Null(Pass(null, out _, "From: a@x.example\r\n"));

    [Fact]
    public void A_header_section_too_long_to_be_looked_at_is_refused()
    {
        string[] message = [.. Enumerable.Repeat("X: " + new string('x', 1000) + "\r\n", 200), "From: a@b.example\r\n\r\nbody\r\n"];
        Assert.Equal(Replies.HeaderTooLong550, Pass(User, out string passed, message));
        Assert.Empty(passed);
    }

    [Fact]
    public void Nothing_of_one_message_is_left_for_the_next()
    {
        var header = new SubmissionHeader();
        Assert.NotNull(Pass(header, User, out _, "From: a@x.example\r\nBcc: y@x.example"));
        Assert.Null(Pass(header, User, out string passed, "From: a@b.example\r\nDate: x\r\nMessage-ID: y\r\n"));
        Assert.Equal("From: a@b.example\r\nDate: x\r\nMessage-ID: y\r\n", passed);
    }

    private static Reply? Pass(Account? account, out string passed, params string[] pieces) => Pass(new SubmissionHeader(), account, out passed, pieces);

    private static Reply? Pass(SubmissionHeader header, Account? account, out string passed, params string[] pieces)
    {
        var inner = new ArrayBufferWriter<byte>();
        header.Begin(inner, account, default, "relay.example.net", Now);
        foreach (string piece in pieces)
        {
            header.Write(Encoding.Latin1.GetBytes(piece));
        }

        Reply? refusal = header.End();
        header.Reset();
        passed = Encoding.Latin1.GetString(inner.WrittenSpan);
        return refusal;
    }
}
