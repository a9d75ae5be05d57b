using System.Text.Json;
using Relay.EndToEnd.Tests.Harness;

namespace Relay.EndToEnd.Tests;

public sealed class PostfixTests
{
    [Theory]
    [InlineData("opportunistic")]
    [InlineData("required")]
    public async Task Postfix_as_next_hop_gets_the_message_over_STARTTLS(string tls)
    {
        int port = FreePort.On("127.0.0.5");
        await using PostfixInstance postfix = await PostfixInstance.StartAsync("127.0.0.5", port);
        await using DnsServer dns = await DnsServer.StartAsync((PostfixInstance.Domain, 10, "mx.post.test", "127.0.0.5"));
        await using RelayProcess relay = await RelayProcess.StartAsync(
            new RelaySettings { Dns = $"servers = [\"{dns.EndPoint}\"]", Delivery = $"port = {port}", DeliveryTls = tls });
        using RawClient client = await RawClient.ConnectAsync(relay.Listener);
        await client.HelloAsync();
        TestMessage message = TestMessage.Create(new Random(3), 20_000, "through Postfix");

        Assert.StartsWith("250 2.0.0 queued as ", await client.SendMessageAsync("sender@from.test", $"user@{PostfixInstance.Domain}", message.Content), StringComparison.Ordinal);

        await Eventually.True(
            () => postfix.Mailbox.Contains($"{TestMessage.IdHeader}: {message.Id}", StringComparison.Ordinal) && postfix.Log.Contains("status=sent", StringComparison.Ordinal),
            "the message in Postfix's mailbox");
        Assert.Contains("TLS connection established from", postfix.Log, StringComparison.Ordinal);
        DeliveryRecord delivered = await relay.Deliveries.FindAsync(record => record.Event == "delivered", "delivered");
        Assert.NotEqual(JsonValueKind.Null, delivered.Json.GetProperty("tls").ValueKind);
        Assert.Contains("mx.post.test", delivered.Json.GetProperty("next_hop").GetRawText(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Postfix_complains_of_nothing_that_the_relay_says_in_a_hundred_messages()
    {
        int port = FreePort.On("127.0.0.5");
        await using PostfixInstance postfix = await PostfixInstance.StartAsync("127.0.0.5", port);
        await using RelayProcess relay = await RelayProcess.StartAsync(RelaySettings.SmartHost("127.0.0.5", port) with { DeliveryTls = "opportunistic" });
        using RawClient client = await RawClient.ConnectAsync(relay.Listener);
        await client.HelloAsync();
        var random = new Random(4);

        for (int i = 0; i < 100; i++)
        {
            TestMessage message = TestMessage.Create(random, random.Next(2, 30_000));
            Assert.StartsWith("250 ", await client.SendMessageAsync("sender@from.test", $"user@{PostfixInstance.Domain}", message.Content), StringComparison.Ordinal);
        }

        await Eventually.True(() => postfix.Log.Split("status=sent").Length - 1 == 100, "100 messages sent by Postfix to its mailbox");
        Assert.Equal(0, await relay.StopAsync());
        Assert.DoesNotContain("improper command pipelining", postfix.Log, StringComparison.Ordinal);
        Assert.DoesNotContain("lost connection after DATA", postfix.Log, StringComparison.Ordinal);
        Assert.DoesNotContain("reject:", postfix.Log, StringComparison.Ordinal);
        Assert.DoesNotContain("warning: non-SMTP command", postfix.Log, StringComparison.Ordinal);
        Assert.DoesNotContain("SSL_accept error", postfix.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_TLS_session_is_resumed_on_the_next_connection()
    {
        int port = FreePort.On("127.0.0.5");
        await using PostfixInstance postfix = await PostfixInstance.StartAsync("127.0.0.5", port, "smtpd_tls_loglevel = 2");
        await using DnsServer dns = await DnsServer.StartAsync((PostfixInstance.Domain, 10, "mx.post.test", "127.0.0.5"));
        await using RelayProcess relay = await RelayProcess.StartAsync(
            new RelaySettings { Dns = $"servers = [\"{dns.EndPoint}\"]", DeliveryTls = "required", Delivery = $"port = {port}\nconnections = 1\nmessages_per_connection = 1" });
        using RawClient client = await RawClient.ConnectAsync(relay.Listener);
        await client.HelloAsync();
        for (int i = 1; i <= 10; i++)
        {
            Assert.StartsWith("250 ", await client.SendMessageAsync("sender@from.test", $"user@{PostfixInstance.Domain}", TestMessage.Create(new Random(i), 1000).Content), StringComparison.Ordinal);
            await Eventually.True(() => Count(postfix, "status=sent") == i, $"message {i} in Postfix's mailbox");
        }

        // Postfix gives a ticket with a full handshake only, and a ticket is used once (RFC 8446 appendix C.4): every other connection.
        Figure.Report($"10 connections with TLS, {Count(postfix, "Reusing old session")} of them resumed");
        Assert.Equal(10, Count(postfix, "TLS connection established from"));
        Assert.InRange(Count(postfix, "Reusing old session"), 5, 9);
    }

    [Fact]
    public async Task A_source_is_the_address_and_the_name_that_the_server_sees()
    {
        int port = FreePort.On("127.0.0.5");
        await using PostfixInstance postfix = await PostfixInstance.StartAsync("127.0.0.5", port);
        await using RelayProcess relay = await RelayProcess.StartAsync(RelaySettings.SmartHost("127.0.0.5", port) with
        {
            RouteMore = "egress = \"nine\"",
            Tables = "[[source]]\nname = \"nine\"\naddress4 = \"127.0.0.9\"\nhostname = \"out9.relay.test\"",
        });
        using RawClient client = await RawClient.ConnectAsync(relay.Listener);
        await client.HelloAsync();
        await client.SendMessageAsync("sender@from.test", $"user@{PostfixInstance.Domain}", TestMessage.Create(new Random(5), 100).Content);
        await Eventually.True(() => postfix.Mailbox.Contains("Received: from out9.relay.test (", StringComparison.Ordinal), "the message in Postfix's mailbox");
        Assert.Contains("[127.0.0.9]", postfix.Mailbox, StringComparison.Ordinal);
        DeliveryRecord delivered = await relay.Deliveries.FindAsync(static r => r.Event == "delivered", "delivered");
        Assert.Contains("127.0.0.9", delivered.Line, StringComparison.Ordinal);
    }

    private static int Count(PostfixInstance postfix, string what) => postfix.Log.Split(what).Length - 1;
}
