using System.Net;
using System.Text.Json;
using MimeKit;
using Relay.Flow;
using Relay.Tests.Support;

namespace Relay.Tests.Flow;

/// <summary>A message's way behind its 250, through the whole engine.</summary>
public class DeliveryTests
{
    [Fact]
    public async Task A_message_arrives_byte_for_byte_with_one_Received_field_more()
    {
        await using EngineFixture relay = await Fixture().StartAsync();
        string body = "Subject: dots\r\n\r\n..one dot\r\n...two\r\nlast\r\n";
        string id = await relay.SendAsync("a@source.example", ["u@dest.example"], body);
        await Eventually.True(() => relay.Server.Mail.Count == 1, "delivery");
        ReceivedMail mail = relay.Server.Mail.Single();
        Assert.Equal("a@source.example", mail.From);
        Assert.Equal(["u@dest.example"], mail.Recipients);
        Assert.EndsWith("Subject: dots\r\n\r\n.one dot\r\n..two\r\nlast\r\n", mail.Body, StringComparison.Ordinal);
        Assert.StartsWith("Received: from client.example ", mail.Body, StringComparison.Ordinal);
        Assert.Contains($" id {id}", mail.Body, StringComparison.Ordinal);
        await relay.PassTimeUntil(() => relay.Log("delivered").Count == 1, "the log line");
        JsonElement line = relay.Log("delivered").Single();
        Assert.Equal(id, line.GetProperty("id").GetString());
        Assert.Equal("192.0.2.1", line.GetProperty("next_hop").GetProperty("address").GetString());
    }

    [Fact]
    public async Task Recipients_of_one_domain_go_in_one_transaction_and_of_two_in_two()
    {
        await using EngineFixture relay = await Fixture().StartAsync();
        await relay.SendAsync("a@source.example", ["u@dest.example", "x@other.example", "v@dest.example", "u@DEST.example"]);
        await Eventually.True(() => relay.Server.Mail.Count == 2, "both deliveries");
        Assert.Contains(relay.Server.Mail, m => m.Recipients.SequenceEqual(["u@dest.example", "v@dest.example"]));
        Assert.Contains(relay.Server.Mail, m => m.Recipients.SequenceEqual(["x@other.example"]));
    }

    [Fact]
    public async Task More_recipients_than_a_server_must_take_are_split()
    {
        await using EngineFixture relay = await Fixture().StartAsync();
        await relay.SendAsync("a@source.example", Enumerable.Range(0, 250).Select(i => $"u{i}@dest.example"));
        await Eventually.True(() => relay.Server.Mail.Sum(m => m.Recipients.Count) == 250, "all recipients");
        Assert.All(relay.Server.Mail, m => Assert.InRange(m.Recipients.Count, 1, 100));
        Assert.Equal(250, relay.Server.Mail.SelectMany(m => m.Recipients).Distinct().Count());
    }

    [Fact]
    public async Task The_connection_is_used_again_for_the_next_message()
    {
        await using EngineFixture relay = await Fixture().StartAsync();
        for (int i = 1; i <= 5; i++)
        {
            await relay.SendAsync("a@source.example", ["u@dest.example"]);
            int n = i;
            await Eventually.True(() => relay.Server.Mail.Count == n, "delivery");
        }

        Assert.Equal(1, relay.Server.Dials);
    }

    [Fact]
    public async Task A_connection_that_the_server_closed_while_idle_is_never_used()
    {
        await using EngineFixture relay = await Fixture().StartAsync();
        bool closeNext = false;
        relay.Server.Answer = line => closeNext && line.StartsWith("MAIL", StringComparison.Ordinal) ? "" : null;
        await relay.SendAsync("a@source.example", ["u@dest.example"]);
        await Eventually.True(() => relay.Server.Mail.Count == 1, "the first delivery");
        // The idle connection dies at the first word; the message must go over a fresh one, at once and without counting as a failure.
        closeNext = true;
        int dials = relay.Server.Dials;
        relay.Server.Answer = line => line.StartsWith("MAIL", StringComparison.Ordinal) && relay.Server.Dials == dials ? "" : null;
        await relay.SendAsync("a@source.example", ["u@dest.example"]);
        await Eventually.True(() => relay.Server.Mail.Count == 2, "the second delivery");
        await relay.PassTimeUntil(() => relay.Log("delivered").Count == 2, "the log");
        Assert.Empty(relay.Log("deferred"));
    }

    [Fact]
    public async Task Recipient_deferred_by_the_server_is_tried_again_and_the_others_are_not()
    {
        await using EngineFixture relay = await Fixture().StartAsync();
        bool busy = true;
        relay.Server.Answer = line => busy && line.StartsWith("RCPT TO:<b@", StringComparison.Ordinal) ? "450 4.2.1 mailbox busy" : null;
        await relay.SendAsync("s@source.example", ["a@dest.example", "b@dest.example"]);
        await relay.PassTimeUntil(() => relay.Log("deferred").Count == 1, "the deferral");
        JsonElement line = relay.Log("deferred").Single();
        Assert.Equal("450", line.GetProperty("reply").GetProperty("code").ToString());
        Assert.Equal("4.2.1", line.GetProperty("reply").GetProperty("enhanced").GetString());
        busy = false;
        await relay.PassTimeUntil(() => relay.Server.Mail.Count == 2, "the retry", TimeSpan.FromSeconds(1));
        Assert.Equal(["a@dest.example"], relay.Server.Mail.First().Recipients);
        Assert.Equal(["b@dest.example"], relay.Server.Mail.Last().Recipients);
    }

    [Fact]
    public async Task The_second_MX_is_tried_when_the_first_does_not_answer()
    {
        await using EngineFixture relay = Fixture();
        relay.Server.Reachable = to => to.Address.ToString() != "192.0.2.1";
        await relay.StartAsync();
        await relay.SendAsync("s@source.example", ["a@dest.example"]);
        await Eventually.True(() => relay.Server.Mail.Count == 1, "delivery");
        Assert.Equal("192.0.2.2", relay.Server.Mail.Single().Address.Address.ToString());
    }

    [Fact]
    public async Task A_destination_that_is_down_delays_nobody_else_and_gets_its_mail_when_it_is_up()
    {
        await using EngineFixture relay = Fixture();
        bool up = false;
        relay.Server.Reachable = to => up || to.Address.ToString() == "192.0.2.9";
        await relay.StartAsync();
        for (int i = 0; i < 20; i++)
        {
            await relay.SendAsync("s@source.example", ["a@dest.example"]);
        }

        await relay.SendAsync("s@source.example", ["x@other.example"]);
        await Eventually.True(() => relay.Server.Mail.Count == 1, "the other destination");
        await relay.PassTimeUntil(() => relay.Log("deferred").Count == 20, "the deferrals");
        Assert.All(relay.Log("deferred"), l => Assert.Contains("connection refused", l.GetProperty("reply").GetProperty("text").GetString(), StringComparison.Ordinal));
        up = true;
        await relay.PassTimeUntil(() => relay.Server.Mail.Count == 21, "all of them", TimeSpan.FromSeconds(1));
    }

    [Fact]
    public async Task A_refused_recipient_is_reported_to_the_sender_and_only_that_one()
    {
        await using EngineFixture relay = await Fixture().StartAsync();
        relay.Server.Answer = line => line.StartsWith("RCPT TO:<gone@", StringComparison.Ordinal) ? "550 5.1.1 no such user" : null;
        string id = await relay.SendAsync("s@source.example", ["a@dest.example", "gone@dest.example"], "Subject: original\r\nX-Test: 1\r\n\r\nSecret body\r\n");
        await Eventually.True(() => relay.Server.Mail.Count == 2, "message and report");
        ReceivedMail bounce = relay.Server.Mail.Single(m => m.From.Length == 0);
        Assert.Equal(["s@source.example"], bounce.Recipients);
        using var stream = new MemoryStream(System.Text.Encoding.Latin1.GetBytes(bounce.Body));
        MimeMessage parsed = await MimeMessage.LoadAsync(stream, TestContext.Current.CancellationToken);
        var report = Assert.IsType<MultipartReport>(parsed.Body);
        Assert.Equal("delivery-status", report.ReportType);
        MessageDeliveryStatus status = report.OfType<MessageDeliveryStatus>().Single();
        HeaderList recipient = status.StatusGroups[1];
        Assert.Contains("gone@dest.example", recipient["Final-Recipient"], StringComparison.Ordinal);
        Assert.Equal("failed", recipient["Action"]);
        Assert.Equal("5.1.1", recipient["Status"]);
        Assert.Contains("550 5.1.1 no such user", recipient["Diagnostic-Code"], StringComparison.Ordinal);
        Assert.Contains("Subject: original", bounce.Body, StringComparison.Ordinal);
        Assert.DoesNotContain("Secret body", bounce.Body, StringComparison.Ordinal);
        Assert.Contains(id, bounce.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_report_that_fails_is_not_reported()
    {
        await using EngineFixture relay = await Fixture().StartAsync();
        relay.Server.Answer = line => line.StartsWith("RCPT", StringComparison.Ordinal) ? "550 5.1.1 no such user" : null;
        await relay.SendAsync("", ["a@dest.example"]);
        await relay.SendAsync("s@source.example", ["b@dest.example"]);
        // The second one's report to s@ is refused as well: that is the end of it.
        await relay.PassTimeUntil(() => relay.Log("bounced").Count == 3, "the ends");
        Assert.Empty(relay.Server.Mail);
        await relay.RestartAsync();
        Assert.Equal(3, relay.Server.Commands.Count(c => c.StartsWith("RCPT", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_message_whose_time_is_over_is_reported_as_expired_with_the_last_reason()
    {
        await using EngineFixture relay = Fixture();
        relay.Options = relay.Options with { Delivery = relay.Options.Delivery with { Expire = TimeSpan.FromHours(2) } };
        relay.Server.Answer = line => line.StartsWith("RCPT TO:<a@", StringComparison.Ordinal) ? "451 4.7.1 come back later" : null;
        await relay.StartAsync();
        await relay.SendAsync("s@source.example", ["a@dest.example"]);
        await relay.PassTimeUntil(() => relay.Server.Mail.Count == 1, "the report", TimeSpan.FromSeconds(20));
        Assert.Contains("come back later", relay.Server.Mail.Single().Body, StringComparison.Ordinal);
        Assert.Contains("Status: 5.4.7", relay.Server.Mail.Single().Body, StringComparison.Ordinal);
        await relay.PassTimeUntil(() => relay.Log("expired").Count == 1, "the log");
        Assert.InRange(relay.Log("deferred").Count, 3, 8);
    }

    [Fact]
    public async Task What_was_not_delivered_is_found_again_after_a_restart_with_its_attempts()
    {
        await using EngineFixture relay = await Fixture().StartAsync();
        bool busy = true;
        relay.Server.Answer = line => busy && line.StartsWith("RCPT TO:<b@", StringComparison.Ordinal) ? "450 4.2.1 mailbox busy" : null;
        await relay.SendAsync("s@source.example", ["a@dest.example", "b@dest.example"]);
        await relay.PassTimeUntil(() => relay.Log("deferred").Count == 1, "the deferral");
        busy = false;
        await relay.RestartAsync();
        await relay.PassTimeUntil(() => relay.Server.Mail.Count == 2, "the retry", TimeSpan.FromSeconds(1));
        await relay.PassTimeUntil(() => relay.Log("delivered").Count == 2, "the log");
        Assert.Equal(["b@dest.example"], relay.Server.Mail.Last().Recipients);
        Assert.Equal(2, relay.Log("delivered")[^1].GetProperty("attempt").GetInt32());
    }

    [Fact]
    public async Task A_lost_answer_to_the_end_of_data_is_tried_later_and_not_at_the_next_host()
    {
        await using EngineFixture relay = await Fixture().StartAsync();
        bool drop = true;
        relay.Server.Answer = line => drop && line == "." ? "" : null;
        await relay.SendAsync("s@source.example", ["a@dest.example"]);
        await relay.PassTimeUntil(() => relay.Log("deferred").Count == 1, "the deferral");
        Assert.Single(relay.Server.Mail);
        Assert.Contains("may have been delivered", relay.Log("deferred").Single().GetProperty("reply").GetProperty("text").GetString(), StringComparison.Ordinal);
        drop = false;
        await relay.PassTimeUntil(() => relay.Log("delivered").Count == 1, "the second try", TimeSpan.FromSeconds(1));
    }

    [Fact]
    public async Task A_421_sends_the_message_to_the_next_host()
    {
        await using EngineFixture relay = await Fixture().StartAsync();
        int refused = 0;
        relay.Server.Answer = line => line.StartsWith("MAIL", StringComparison.Ordinal) && Interlocked.Increment(ref refused) == 1 ? "421 4.3.2 going down" : null;
        await relay.SendAsync("s@source.example", ["a@dest.example"]);
        await Eventually.True(() => relay.Server.Mail.Count == 1, "delivery");
        Assert.Equal("192.0.2.2", relay.Server.Mail.Single().Address.Address.ToString());
    }

    [Fact]
    public async Task A_server_that_does_not_pipeline_is_asked_step_by_step()
    {
        await using EngineFixture relay = Fixture();
        relay.Server.Extensions = [];
        relay.Server.Answer = line => line.StartsWith("RCPT TO:<gone@", StringComparison.Ordinal) ? "550 5.1.1 no such user" : null;
        await relay.StartAsync();
        await relay.SendAsync("s@source.example", ["gone@dest.example", "a@dest.example"]);
        await relay.SendAsync("", ["gone@dest.example"]);
        await Eventually.True(() => relay.Server.Mail.Count == 2, "message and report");
        // After a refused transaction the connection begins the next one clean.
        await Eventually.True(() => relay.Server.Commands.Contains("RCPT TO:<gone@dest.example>") && relay.Server.Commands.Contains("MAIL FROM:<>"), "the refusal");
        await relay.SendAsync("s@source.example", ["a@dest.example"]);
        await Eventually.True(() => relay.Server.Mail.Count == 3, "the next message");
        Assert.Contains("RSET", relay.Server.Commands);
    }

    [Fact]
    public async Task A_domain_that_does_not_exist_bounces_and_one_that_can_not_be_looked_up_waits()
    {
        await using EngineFixture relay = Fixture();
        relay.Dns.Fails("MX", "broken.example");
        await relay.StartAsync();
        await relay.SendAsync("s@source.example", ["a@nowhere.example"]);
        await relay.SendAsync("s@source.example", ["a@broken.example"]);
        await relay.PassTimeUntil(() => relay.Log("bounced").Count == 1 && relay.Log("deferred").Count == 1, "both");
        Assert.Equal("5.1.2", relay.Log("bounced").Single().GetProperty("reply").GetProperty("enhanced").GetString());
        Assert.Equal("a@broken.example", relay.Log("deferred").Single().GetProperty("to").GetString());
    }

    [Fact]
    public async Task A_route_overrides_the_MX()
    {
        await using EngineFixture relay = Fixture();
        relay.Options = relay.Options with { Routes = [new RouteOptions { Domain = "*", NextHop = new NextHop(NextHopScheme.Smtp, "198.51.100.7", 2526) }] };
        await relay.StartAsync();
        await relay.SendAsync("s@source.example", ["a@dest.example", "b@other.example"]);
        await Eventually.True(() => relay.Server.Mail.Count == 1, "delivery");
        Assert.Equal(new IPEndPoint(IPAddress.Parse("198.51.100.7"), 2526), relay.Server.Mail.Single().Address);
        Assert.Equal(2, relay.Server.Mail.Single().Recipients.Count);
    }

    [Fact]
    public async Task Recipients_that_went_together_part_when_a_reload_gives_them_different_ways()
    {
        await using EngineFixture relay = Fixture();
        relay.Options = relay.Options with { Routes = [new RouteOptions { Domain = "*", NextHop = new NextHop(NextHopScheme.Smtp, "198.51.100.7", 2526) }] };
        bool busy = true;
        relay.Server.Answer = line => busy && line.StartsWith("RCPT", StringComparison.Ordinal) ? "450 4.2.1 busy" : null;
        await relay.StartAsync();
        await relay.SendAsync("s@source.example", ["a@dest.example", "b@other.example", "c@dest.example"]);
        await relay.PassTimeUntil(() => relay.Log("deferred").Count == 3, "the deferrals");
        relay.Engine.Apply(relay.Options with { Routes = [] });
        // The next try is still by the way for which they were put off; after it they are put off by the new routes.
        await relay.PassTimeUntil(() => relay.Log("deferred").Count == 6, "the second deferrals", TimeSpan.FromSeconds(1));
        busy = false;
        await relay.PassTimeUntil(() => relay.Server.Mail.Count == 2, "delivery by MX", TimeSpan.FromSeconds(1));
        Assert.Equal(["a@dest.example", "c@dest.example"], relay.Server.Mail.Single(static m => m.Address.Address.ToString() == "192.0.2.1").Recipients);
        Assert.Equal(["b@other.example"], relay.Server.Mail.Single(static m => m.Address.Address.ToString() == "192.0.2.9").Recipients);
    }

    private static EngineFixture Fixture()
    {
        var relay = new EngineFixture();
        relay.Dns.Mx("dest.example", (10, "mx1.dest.example"), (20, "mx2.dest.example")).Host("mx1.dest.example", "192.0.2.1").Host("mx2.dest.example", "192.0.2.2");
        relay.Dns.Mx("other.example", (10, "mx.other.example")).Host("mx.other.example", "192.0.2.9");
        relay.Dns.Mx("source.example", (10, "mx.source.example")).Host("mx.source.example", "192.0.2.9");
        return relay;
    }
}
