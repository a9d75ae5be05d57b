using Relay.EndToEnd.Tests.Harness;

namespace Relay.EndToEnd.Tests;

public sealed class AccessTests
{
    private const string OnlyOneTrustedAddress = """
        relay_from = ["127.0.0.99/32"]
        relay_domains = ["ours.test"]
        """;

    [Fact]
    public async Task A_stranger_may_send_to_our_domains_and_to_no_other()
    {
        await using ScriptedServer server = ScriptedServer.Start();
        await using RelayProcess relay = await RelayProcess.StartAsync(RelaySettings.SmartHost(server.Address, server.Port) with { Access = OnlyOneTrustedAddress });
        using RawClient client = await RawClient.ConnectAsync(relay.Listener, from: "127.0.0.1");
        await client.HelloAsync();

        Assert.StartsWith("250 ", await client.CommandAsync("MAIL FROM:<sender@from.test>"), StringComparison.Ordinal);
        foreach (string stranger in (string[])
            ["user@to.test", "user%to.test@[127.0.0.1]", "@ours.test:user@to.test", "\"user@to.test\"@other.test", "user@ours.test.to.test", "user@sub.ours.test", "user@[127.0.0.1]"])
        {
            string reply = await client.CommandAsync($"RCPT TO:<{stranger}>");
            Assert.True(reply.StartsWith("550 5.7.1", StringComparison.Ordinal), $"{stranger}: {reply}");
        }

        Assert.StartsWith("250 ", await client.CommandAsync("RCPT TO:<user@OURS.test>"), StringComparison.Ordinal);
        Assert.StartsWith("354 ", await client.CommandAsync("DATA"), StringComparison.Ordinal);
        Assert.StartsWith("250 ", await client.CommandAsync("Subject: ours\r\n\r\nx\r\n."), StringComparison.Ordinal);
        await server.MessageAsync(_ => true, "the message to our domain");
        Assert.Equal(0, await relay.StopAsync());
        Assert.Equal(["user@OURS.test"], server.Messages.SelectMany(message => message.ForwardPaths));
    }

    [Fact]
    public async Task A_client_of_a_trusted_network_may_send_anywhere()
    {
        await using ScriptedServer server = ScriptedServer.Start();
        await using RelayProcess relay = await RelayProcess.StartAsync(RelaySettings.SmartHost(server.Address, server.Port) with { Access = OnlyOneTrustedAddress });
        using RawClient client = await RawClient.ConnectAsync(relay.Listener, from: "127.0.0.99");
        await client.HelloAsync();

        Assert.StartsWith(
            "250 2.0.0 queued as ", await client.SendMessageAsync("sender@from.test", "user@to.test", TestMessage.Create(new Random(17), 100).Content), StringComparison.Ordinal);

        await server.MessageAsync(_ => true, "the message");
    }
}
