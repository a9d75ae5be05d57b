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
}
