using System.Text;
using System.Text.Json;
using MimeKit;
using Relay.Flow;
using Relay.Tests.Support;

namespace Relay.Tests.Flow;

/// <summary>What senders are told, as their DSN parameters ask (RFC 3461), through the whole engine.</summary>
public sealed class ReportTests
{
    [Theory]
    [InlineData("NEVER", false)]
    [InlineData("SUCCESS", false)]
    [InlineData("DELAY", false)]
    [InlineData("FAILURE", true)]
    [InlineData("SUCCESS,FAILURE", true)]
    [InlineData(null, true)]
    public async Task G18_a_failure_is_told_unless_the_sender_does_not_want_to_hear_of_it(string? notify, bool told)
    {
        await using EngineFixture relay = await Fixture().StartAsync();
        relay.Server.Answer = static line => line.StartsWith("RCPT TO:<a@", StringComparison.Ordinal) ? "550 5.1.1 no such user" : null;
        await SendAsync(relay, "", ("a@dest.example", notify is null ? "" : " NOTIFY=" + notify));
        await relay.PassTimeUntil(() => relay.Log("bounced").Count == 1, "the failure");
        await relay.RestartAsync();
        await SendAsync(relay, "", ("b@dest.example", ""));
        await relay.PassTimeUntil(() => relay.Server.Mail.Any(static m => m.Recipients.Contains("b@dest.example")), "a later message");
        await relay.PassTimeUntil(() => relay.Server.Mail.Count == (told ? 2 : 1), "all that is to come");
    }

    [Fact]
    public async Task G18_success_is_told_as_relayed_when_the_next_hop_has_no_DSN()
    {
        await using EngineFixture relay = await Fixture().StartAsync();
        await SendAsync(relay, " ENVID=my+2Bid RET=HDRS", ("a@dest.example", " NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;orig+2Ba@else.example"), ("b@dest.example", " NOTIFY=FAILURE"), ("c@dest.example", ""));

        (MimeMessage report, MessageDeliveryStatus status) = await ReportAsync(relay);

        Assert.Equal("Your mail was passed on", report.Subject);
        Assert.Equal(2, status.StatusGroups.Count);
        Assert.Equal("my+id", status.StatusGroups[0]["Original-Envelope-Id"]);
        Assert.Equal(("relayed", "2.0.0", "rfc822; orig+a@else.example", "rfc822; a@dest.example"), Fields(status.StatusGroups[1]));
        Assert.All(relay.Server.Commands.Where(static c => c.StartsWith("MAIL", StringComparison.Ordinal) || c.StartsWith("RCPT", StringComparison.Ordinal)), static c => Assert.DoesNotContain("NOTIFY", c, StringComparison.Ordinal));
    }

    [Fact]
    public async Task G18_everything_is_handed_on_to_a_next_hop_with_DSN_and_success_is_its_to_tell()
    {
        await using EngineFixture relay = Fixture();
        relay.Server.Extensions = [.. relay.Server.Extensions, "DSN"];
        await relay.StartAsync();
        await SendAsync(relay, " RET=FULL ENVID=my+2Bid", ("a@dest.example", " NOTIFY=SUCCESS,DELAY ORCPT=rfc822;orig+2Ba@else.example"), ("b@dest.example", " NOTIFY=NEVER"), ("c@dest.example", ""));
        await relay.PassTimeUntil(() => relay.Log("delivered").Count == 3, "the delivery");
        await relay.RestartAsync();

        Assert.Single(relay.Server.Mail);
        Assert.Contains(relay.Server.Commands, static c => c.StartsWith("MAIL FROM:<s@source.example>", StringComparison.Ordinal) && c.EndsWith(" RET=FULL ENVID=my+2Bid", StringComparison.Ordinal));
        Assert.Contains("RCPT TO:<a@dest.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;orig+2Ba@else.example", relay.Server.Commands);
        Assert.Contains("RCPT TO:<b@dest.example> NOTIFY=NEVER", relay.Server.Commands);
        Assert.Contains("RCPT TO:<c@dest.example>", relay.Server.Commands);
    }

    [Fact]
    public async Task A_delivery_agent_s_yes_is_told_as_delivered()
    {
        await using EngineFixture relay = Fixture();
        relay.Options = relay.Options with { Routes = [new RouteOptions { Domain = "dest.example", NextHop = new NextHop(NextHopScheme.Lmtp, "127.0.0.1", 24) }] };
        await relay.StartAsync();
        await SendAsync(relay, "", ("a@dest.example", " NOTIFY=SUCCESS"));

        (MimeMessage report, MessageDeliveryStatus status) = await ReportAsync(relay);

        Assert.Equal("Your mail was delivered", report.Subject);
        Assert.Equal("delivered", status.StatusGroups[1]["Action"]);
    }

    [Fact]
    public async Task A_sender_who_asks_for_it_is_told_once_that_mail_is_late()
    {
        await using EngineFixture relay = Fixture();
        // Between the second try and the time of the report lies an hour and a half: far more than a busy machine's work lags behind the fake clock.
        relay.Options = relay.Options with { Delivery = relay.Options.Delivery with { Retry = [TimeSpan.FromHours(2), TimeSpan.FromHours(24)] } };
        await relay.StartAsync();
        relay.Server.Answer = static line => line.StartsWith("RCPT TO:<s@", StringComparison.Ordinal) ? null : line.StartsWith("RCPT", StringComparison.Ordinal) ? "450 4.2.2 mailbox full" : null;
        await SendAsync(relay, "", ("a@dest.example", " NOTIFY=DELAY,FAILURE"), ("b@dest.example", ""), ("c@dest.example", " NOTIFY=NEVER"));
        await relay.PassTimeUntil(() => relay.Server.Mail.Count == 1, "the report", TimeSpan.FromSeconds(20));

        // Four hours after it came; a try was planned for that very moment.
        Assert.True(relay.Time.GetUtcNow() >= new DateTimeOffset(2026, 11, 24, 12, 0, 38, TimeSpan.Zero));
        Assert.Contains(relay.Log("deferred"), static l => l.GetProperty("next_attempt").GetDateTimeOffset() is var next && next >= new DateTimeOffset(2026, 11, 24, 12, 0, 38, TimeSpan.Zero) && next < new DateTimeOffset(2026, 11, 24, 12, 0, 40, TimeSpan.Zero));
        (MimeMessage report, MessageDeliveryStatus status) = await ReportAsync(relay);
        Assert.Equal("Delayed mail (still being tried)", report.Subject);
        Assert.Equal(2, status.StatusGroups.Count);
        Assert.Equal(("delayed", "4.4.7", null, "rfc822; a@dest.example"), Fields(status.StatusGroups[1]));
        Assert.NotNull(status.StatusGroups[1]["Will-Retry-Until"]);
        Assert.Contains("mailbox is full", TextOf(report), StringComparison.Ordinal);

        await relay.RestartAsync();
        DateTimeOffset later = relay.Time.GetUtcNow() + TimeSpan.FromHours(12);
        await relay.PassTimeUntil(() => relay.Time.GetUtcNow() > later, "another half day", TimeSpan.FromSeconds(30));
        Assert.Single(relay.Server.Mail);
    }

    [Theory]
    [InlineData(" RET=FULL", "Hello", true)]
    [InlineData(" RET=HDRS", "Hello", false)]
    [InlineData("", "Hello", false)]
    [InlineData(" RET=FULL", "large", false)]
    public async Task G20_as_much_of_the_message_comes_back_as_was_asked_for_and_is_reasonable(string ret, string body, bool whole)
    {
        await using EngineFixture relay = await Fixture().StartAsync();
        relay.Server.Answer = static line => line.StartsWith("RCPT TO:<a@", StringComparison.Ordinal) ? "550 5.1.1 no such user" : null;
        string content = body == "large" ? string.Concat(Enumerable.Repeat("a line of a larger message\r\n", 3000)) : body + "\r\n";
        await SendAsync(relay, ret, "Subject: mine\r\n\r\n" + content, ("a@dest.example", ""));

        (MimeMessage report, _) = await ReportAsync(relay);

        MimeEntity last = Assert.IsType<MultipartReport>(report.Body)[2];
        if (whole)
        {
            Assert.Equal(content, Assert.IsType<MessagePart>(last).Message!.TextBody!.ReplaceLineEndings("\r\n"));
        }
        else
        {
            Assert.Equal("mine", Assert.IsType<TextRfc822Headers>(last).Message!.Subject);
        }
    }

    [Theory]
    [InlineData("en", "This address does not exist")]
    [InlineData("de", "Diese Adresse gibt es nicht")]
    [InlineData("fr", "Cette adresse n'existe pas")]
    [InlineData("es", "Esta dirección no existe")]
    [InlineData("zh", "该地址不存在")]
    public async Task People_read_in_their_language_what_happened_and_what_they_can_do(string language, string says)
    {
        await using EngineFixture relay = Fixture();
        relay.Options = relay.Options with { Reports = new ReportOptions { Language = language } };
        relay.Server.Answer = static line => line.StartsWith("RCPT TO:<a@", StringComparison.Ordinal) ? "550 5.1.1 no such user" : null;
        await relay.StartAsync();
        await SendAsync(relay, "", ("a@dest.example", ""));

        (MimeMessage report, MessageDeliveryStatus status) = await ReportAsync(relay);

        string text = TextOf(report);
        Assert.Contains(says, text, StringComparison.Ordinal);
        Assert.Contains("<a@dest.example>", text, StringComparison.Ordinal);
        Assert.Contains("550 5.1.1 no such user", text, StringComparison.Ordinal);
        Assert.DoesNotContain("{", text, StringComparison.Ordinal);
        Assert.Equal("5.1.1", status.StatusGroups[1]["Status"]);
        Assert.Equal("auto-replied", report.Headers[HeaderId.AutoSubmitted]);
    }

    [Fact]
    public async Task A_rule_says_for_now_what_the_server_s_code_says_for_good_and_the_log_has_the_class()
    {
        await using EngineFixture relay = await Fixture().StartAsync();
        int asked = 0;
        relay.Server.Answer = line => line.StartsWith("RCPT", StringComparison.Ordinal) && asked++ == 0 ? "550 5.7.1 Greylisting in action, please come back later" : null;
        await SendAsync(relay, "", ("a@dest.example", ""));
        await relay.PassTimeUntil(() => relay.Server.Mail.Count == 1, "the second try", TimeSpan.FromSeconds(1));

        JsonElement deferred = Assert.Single(relay.Log("deferred"));
        Assert.Equal("greylisted", deferred.GetProperty("class").GetString());
        Assert.Empty(relay.Log("bounced"));
    }

    private static EngineFixture Fixture()
    {
        var relay = new EngineFixture();
        relay.Dns.Mx("dest.example", (10, "mx.dest.example")).Host("mx.dest.example", "192.0.2.1").Mx("source.example", (10, "mx.source.example")).Host("mx.source.example", "192.0.2.2");
        return relay;
    }

    private static Task SendAsync(EngineFixture relay, string mail, params (string To, string Parameters)[] recipients) => SendAsync(relay, mail, "Subject: mine\r\n\r\nHello\r\n", recipients);

    private static async Task SendAsync(EngineFixture relay, string mail, string content, params (string To, string Parameters)[] recipients)
    {
        await using TestClient client = relay.Connect();
        await client.ExpectAsync("220");
        await client.SayAsync("EHLO client.example", "250");
        await client.SayAsync("MAIL FROM:<s@source.example>" + mail, "250");
        foreach ((string to, string parameters) in recipients)
        {
            await client.SayAsync($"RCPT TO:<{to}>{parameters}", "250");
        }

        await client.SayAsync("DATA", "354");
        await client.SayAsync(content + ".", "250");
        await client.SayAsync("QUIT", "221");
    }

    private static async Task<(MimeMessage Report, MessageDeliveryStatus Status)> ReportAsync(EngineFixture relay)
    {
        await relay.PassTimeUntil(() => relay.Server.Mail.Any(static m => m.From.Length == 0), "the report");
        ReceivedMail mail = relay.Server.Mail.Single(static m => m.From.Length == 0);
        Assert.Equal(["s@source.example"], mail.Recipients);
        MimeMessage report = MimeMessage.Load(new MemoryStream(Encoding.Latin1.GetBytes(mail.Body)), TestContext.Current.CancellationToken);
        return (report, Assert.IsType<MessageDeliveryStatus>(Assert.IsType<MultipartReport>(report.Body)[1]));
    }

    private static string TextOf(MimeMessage report) => Assert.IsType<TextPart>(Assert.IsType<MultipartReport>(report.Body)[0]).Text;

    private static (string? Action, string? Status, string? Original, string? Final) Fields(HeaderList group) => (group["Action"], group["Status"], group["Original-Recipient"], group["Final-Recipient"]);
}
