using MimeKit;
using Relay.EndToEnd.Tests.Harness;

namespace Relay.EndToEnd.Tests;

/// <summary>Failure reports (RFC 3461 to 3464), read by MimeKit.</summary>
public sealed class BounceTests
{
    private static bool IsForTarget(string path) => path.Contains("@to.test", StringComparison.Ordinal);

    [Theory]
    [InlineData("RCPT", "550 5.1.1 No such user", "5.1.1")]
    [InlineData("RCPT", "550 no enhanced code", "5.0.0")]
    [InlineData("end of DATA", "554 5.6.0 Don't like the content", "5.6.0")]
    public async Task A_refused_message_comes_back_to_its_sender_as_a_delivery_report(string refusedAt, string refusal, string status)
    {
        await using ScriptedServer server = ScriptedServer.Start(Refusing(refusedAt, refusal));
        await using RelayProcess relay = await RelayProcess.StartAsync(RelaySettings.SmartHost(server.Address, server.Port));
        using RawClient client = await RawClient.ConnectAsync(relay.Listener);
        await client.HelloAsync();
        TestMessage message = TestMessage.Create(new Random(11), 3000, "comes back");

        await client.SendMessageAsync("sender@from.test", "user@to.test", message.Content);

        ArrivedMessage bounce = await server.MessageAsync(_ => true, "the report at the sender's host");
        Assert.Equal("", bounce.ReversePath);
        Assert.Equal(["sender@from.test"], bounce.ForwardPaths);
        using var content = new MemoryStream(bounce.Original.ToArray());
        MimeMessage parsed = await MimeMessage.LoadAsync(content, TestContext.Current.CancellationToken);
        MultipartReport report = Assert.IsType<MultipartReport>(parsed.Body);
        Assert.Equal("delivery-status", report.ReportType);
        Assert.Equal("sender@from.test", parsed.To.Mailboxes.Single().Address);
        Assert.StartsWith("auto-", parsed.Headers[HeaderId.AutoSubmitted], StringComparison.Ordinal);
        MessageDeliveryStatus delivery = report.OfType<MessageDeliveryStatus>().Single();
        Assert.Equal("dns; relay.test", delivery.StatusGroups[0]["Reporting-MTA"]);
        HeaderList recipient = delivery.StatusGroups[1];
        Assert.Equal("rfc822; user@to.test", recipient["Final-Recipient"]?.Replace("rfc822;user", "rfc822; user", StringComparison.Ordinal));
        Assert.Equal("failed", recipient["Action"]);
        Assert.Equal(status, recipient["Status"]);
        Assert.Contains(refusal, recipient["Diagnostic-Code"], StringComparison.Ordinal);
        Assert.Contains(message.Id, bounce.Text, StringComparison.Ordinal);
        DeliveryRecord bounced = await relay.Deliveries.FindAsync(record => record.Event == "bounced", "the bounce in the log");
        Assert.Equal("user@to.test", bounced.To);
    }

    [Fact]
    public async Task A_refused_message_with_a_null_reverse_path_makes_no_report()
    {
        await using ScriptedServer server = ScriptedServer.Start(Refusing("RCPT", "550 5.1.1 No such user"));
        await using RelayProcess relay = await RelayProcess.StartAsync(RelaySettings.SmartHost(server.Address, server.Port));
        using RawClient client = await RawClient.ConnectAsync(relay.Listener);
        await client.HelloAsync();
        var random = new Random(12);

        await client.SendMessageAsync("", "user@to.test", TestMessage.Create(random, 3000).Content);
        await relay.Deliveries.FindAsync(record => record.Event == "bounced", "the failure in the log");
        // What was settled before must be on its way before this one, and after the stop nothing comes any more.
        await client.SendMessageAsync("sender@from.test", "user@good.test", TestMessage.Create(random, 100).Content);
        await server.MessageAsync(message => message.ForwardPaths.Contains("user@good.test"), "the later message");
        Assert.Equal(0, await relay.StopAsync());

        Assert.Single(server.Messages);
    }

    [Fact]
    public async Task Of_three_recipients_only_the_refused_one_is_reported_and_the_others_are_served_once()
    {
        await using ScriptedServer server = ScriptedServer.Start(
            new ServerScript { OnRecipient = to => to.Contains("bad@", StringComparison.Ordinal) ? "550 5.1.1 No such user" : null });
        await using RelayProcess relay = await RelayProcess.StartAsync(RelaySettings.SmartHost(server.Address, server.Port));
        using RawClient client = await RawClient.ConnectAsync(relay.Listener);
        await client.HelloAsync();
        await client.CommandAsync("MAIL FROM:<sender@from.test>");
        foreach (string user in (string[])["one", "bad", "two"])
        {
            Assert.StartsWith("250 ", await client.CommandAsync($"RCPT TO:<{user}@to.test>"), StringComparison.Ordinal);
        }

        Assert.StartsWith("354 ", await client.CommandAsync("DATA"), StringComparison.Ordinal);
        Assert.StartsWith("250 ", await client.CommandAsync("Subject: three\r\n\r\nx\r\n."), StringComparison.Ordinal);

        ArrivedMessage report = await server.MessageAsync(message => message.ReversePath.Length == 0, "the report");
        await Eventually.True(() => server.Messages.SelectMany(message => message.ForwardPaths).Count() == 3, "two deliveries and a report");
        Assert.Equal(0, await relay.StopAsync());
        Assert.Equal(["one@to.test", "sender@from.test", "two@to.test"], server.Messages.SelectMany(message => message.ForwardPaths).Order());
        Assert.Contains("bad@to.test", report.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("one@to.test", report.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_report_that_is_refused_itself_ends_there()
    {
        await using ScriptedServer server = ScriptedServer.Start(new ServerScript { OnRecipient = _ => "550 5.7.1 Nobody wants this" });
        await using RelayProcess relay = await RelayProcess.StartAsync(RelaySettings.SmartHost(server.Address, server.Port));
        using RawClient client = await RawClient.ConnectAsync(relay.Listener);
        await client.HelloAsync();

        await client.SendMessageAsync("sender@from.test", "user@to.test", TestMessage.Create(new Random(13), 100).Content);

        await Eventually.True(() => relay.Deliveries.Read().Count(record => record.Event == "bounced") == 2, "the message and then its report given up");
        Assert.Equal(0, await relay.StopAsync());
        Assert.Equal(2, server.Commands.Count(command => command.StartsWith("RCPT", StringComparison.Ordinal)));
    }

    private static ServerScript Refusing(string at, string refusal) => at == "RCPT"
        ? new ServerScript { OnRecipient = to => IsForTarget(to) ? refusal : null }
        : new ServerScript { OnMessage = message => message.Recipients.Any(IsForTarget) ? refusal : null };
}
