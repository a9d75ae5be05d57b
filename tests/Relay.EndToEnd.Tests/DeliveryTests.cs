using System.Globalization;
using System.Text.Json;
using Relay.EndToEnd.Tests.Harness;

namespace Relay.EndToEnd.Tests;

public sealed class DeliveryTests
{
    [Fact]
    public async Task Mail_for_a_destination_that_is_down_is_deferred_with_the_reason_and_delivered_when_it_is_up()
    {
        int port = FreePort.On("127.0.0.2");
        await using RelayProcess relay = await RelayProcess.StartAsync(RelaySettings.SmartHost("127.0.0.2", port));
        TestMessage message = TestMessage.Create(new Random(6), 5000);
        string id = await SendAsync(relay, message);

        DeliveryRecord deferred = await relay.Deliveries.FindAsync(record => record.Event == "deferred", "a deferral");
        await using ScriptedServer server = ScriptedServer.Start(address: "127.0.0.2", port: port);
        DeliveryRecord delivered = await relay.Deliveries.FindAsync(record => record.Event == "delivered", "the delivery");

        Assert.Equal(id, deferred.Id);
        Assert.Contains("refused", deferred.Json.GetProperty("reply").GetRawText(), StringComparison.OrdinalIgnoreCase);
        Assert.Equal(id, delivered.Id);
        Assert.True(delivered.Json.GetProperty("attempt").GetInt32() > deferred.Json.GetProperty("attempt").GetInt32(), delivered.Line);
        Assert.Equal(message.Hash, TestMessage.HashOf(Assert.Single(server.Messages).Original));
    }

    [Fact]
    public async Task A_451_to_RCPT_is_tried_again()
    {
        int attempts = 0;
        await using ScriptedServer server = ScriptedServer.Start(
            new ServerScript { OnRecipient = _ => Interlocked.Increment(ref attempts) == 1 ? "451 4.7.1 Greylisted, come back" : null });
        await using RelayProcess relay = await RelayProcess.StartAsync(RelaySettings.SmartHost(server.Address, server.Port));

        string id = await SendAsync(relay, TestMessage.Create(new Random(7), 500));

        DeliveryRecord delivered = await relay.Deliveries.FindAsync(record => record.Event == "delivered", "the delivery");
        Assert.Equal(id, delivered.Id);
        DeliveryRecord deferred = Assert.Single(relay.Deliveries.Read(), record => record.Event == "deferred");
        JsonElement reply = deferred.Json.GetProperty("reply");
        Assert.Equal(451, reply.GetProperty("code").GetInt32());
        Assert.Equal("4.7.1", reply.GetProperty("enhanced").GetString());
        Assert.Contains("Greylisted", reply.GetProperty("text").GetString(), StringComparison.Ordinal);
        Assert.Single(server.Messages);
    }

    [Fact]
    public async Task When_the_best_exchanger_is_down_the_next_one_gets_the_mail()
    {
        int port = FreePort.On("127.0.0.2", "127.0.0.3");
        await using DnsServer dns = await DnsServer.StartAsync(("to.test", 10, "mx1.to.test", "127.0.0.2"), ("to.test", 20, "mx2.to.test", "127.0.0.3"));
        await using ScriptedServer second = ScriptedServer.Start(address: "127.0.0.3", port: port);
        await using RelayProcess relay = await RelayProcess.StartAsync(new RelaySettings { Dns = $"servers = [\"{dns.EndPoint}\"]", Delivery = $"port = {port}" });

        string id = await SendAsync(relay, TestMessage.Create(new Random(8), 500));

        DeliveryRecord delivered = await relay.Deliveries.FindAsync(record => record.Event == "delivered", "the delivery by the second exchanger");
        Assert.Equal(id, delivered.Id);
        Assert.Contains("mx2.to.test", delivered.Json.GetProperty("next_hop").GetRawText(), StringComparison.Ordinal);
        Assert.DoesNotContain(relay.Deliveries.Read(), record => record.Event is "bounced" or "expired");
    }

    [Fact]
    public async Task The_next_hop_sees_one_trace_field_more_and_nothing_else_changed()
    {
        await using ScriptedServer server = ScriptedServer.Start();
        await using RelayProcess relay = await RelayProcess.StartAsync(RelaySettings.SmartHost(server.Address, server.Port));
        TestMessage message = TestMessage.Create(new Random(9), 60_000);

        string id = await SendAsync(relay, message);

        ArrivedMessage arrived = await server.MessageAsync(_ => true, "the message");
        Assert.Equal(message.Content, arrived.Original.ToArray());
        string trace = arrived.Text[..(arrived.Content.Length - arrived.Original.Length)];
        Assert.StartsWith("Received: from client.test (", trace, StringComparison.Ordinal);
        Assert.Contains("[127.0.0.1]", trace, StringComparison.Ordinal);
        Assert.Contains("by relay.test", trace, StringComparison.Ordinal);
        Assert.Contains("with ESMTP", trace, StringComparison.Ordinal);
        Assert.Contains($"id {id}", trace, StringComparison.Ordinal);
        Assert.Contains("for <user@to.test>", trace, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_delivery_log_tells_the_story_of_a_message_by_its_id()
    {
        await using ScriptedServer server = ScriptedServer.Start();
        await using RelayProcess relay = await RelayProcess.StartAsync(RelaySettings.SmartHost(server.Address, server.Port));

        string id = await SendAsync(relay, TestMessage.Create(new Random(10), 500));

        DeliveryRecord delivered = await relay.Deliveries.FindAsync(record => record.Id == id && record.Event == "delivered", "the delivery");
        DeliveryRecord received = Assert.Single(relay.Deliveries.Read(), record => record.Id == id && record.Event == "received");
        Assert.Equal(("sender@from.test", "user@to.test"), (received.From, received.To));
        Assert.Equal(("sender@from.test", "user@to.test"), (delivered.From, delivered.To));
        foreach (string name in (string[])["time", "size", "attempt", "delay_ms", "next_hop", "reply", "client"])
        {
            Assert.True(delivered.Json.TryGetProperty(name, out _), $"{name} in {delivered.Line}");
        }

        Assert.True(DateTimeOffset.TryParse(delivered.Json.GetProperty("time").GetString(), CultureInfo.InvariantCulture, out _), delivered.Line);
    }

    private static async Task<string> SendAsync(RelayProcess relay, TestMessage message)
    {
        using RawClient client = await RawClient.ConnectAsync(relay.Listener);
        await client.HelloAsync();
        string reply = await client.SendMessageAsync("sender@from.test", "user@to.test", message.Content);
        Assert.StartsWith("250 2.0.0 queued as ", reply, StringComparison.Ordinal);
        return reply["250 2.0.0 queued as ".Length..];
    }
}
