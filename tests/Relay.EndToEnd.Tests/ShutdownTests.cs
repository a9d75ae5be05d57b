using Relay.EndToEnd.Tests.Harness;

namespace Relay.EndToEnd.Tests;

public sealed class ShutdownTests
{
    [Fact]
    public async Task SIGTERM_tells_an_idle_client_421_4_3_2_and_ends_with_status_0()
    {
        await using RelayProcess relay = await RelayProcess.StartAsync(new RelaySettings());
        using RawClient idle = await RawClient.ConnectAsync(relay.Listener);
        await idle.HelloAsync();

        await relay.TerminateAsync();

        Assert.StartsWith("421 4.3.2 ", await idle.ReplyAsync(), StringComparison.Ordinal);
        Assert.Equal("", await idle.ReplyAsync());
        Assert.Equal(0, await relay.ExitAsync());
    }

    [Fact]
    public async Task Mail_that_waits_at_SIGTERM_is_delivered_by_the_next_life_exactly_once()
    {
        int port = FreePort.On("127.0.0.2");
        await using RelayProcess relay = await RelayProcess.StartAsync(RelaySettings.SmartHost("127.0.0.2", port));
        TestMessage message = TestMessage.Create(new Random(18), 5000);
        using (RawClient client = await RawClient.ConnectAsync(relay.Listener))
        {
            await client.HelloAsync();
            Assert.StartsWith("250 ", await client.SendMessageAsync("sender@from.test", "user@to.test", message.Content), StringComparison.Ordinal);
        }

        Assert.Equal(0, await relay.StopAsync());
        await using ScriptedServer server = ScriptedServer.Start(address: "127.0.0.2", port: port);
        await relay.RestartAsync();
        await server.MessageAsync(_ => true, "the message in the second life");
        Assert.Equal(0, await relay.StopAsync());
        await relay.RestartAsync();
        Assert.Equal(0, await relay.StopAsync());

        Assert.Equal(message.Hash, TestMessage.HashOf(Assert.Single(server.Messages).Original));
    }

    [Fact]
    public async Task A_client_inside_DATA_at_SIGTERM_gets_250_and_the_message_is_kept_or_421_and_it_is_not()
    {
        await using ScriptedServer server = ScriptedServer.Start();
        await using RelayProcess relay = await RelayProcess.StartAsync(RelaySettings.SmartHost(server.Address, server.Port));
        using RawClient client = await RawClient.ConnectAsync(relay.Listener);
        await client.HelloAsync();
        await client.CommandAsync("MAIL FROM:<sender@from.test>");
        await client.CommandAsync("RCPT TO:<user@to.test>");
        Assert.StartsWith("354 ", await client.CommandAsync("DATA"), StringComparison.Ordinal);
        await client.SendAsync("Subject: half\r\n\r\nfirst line\r\n"u8.ToArray());

        await relay.TerminateAsync();
        string reply;
        try
        {
            reply = await client.CommandAsync("last line\r\n.");
        }
        catch (IOException)
        {
            // Closed by a relay that ended before we wrote: no promise was made.
            reply = "";
        }

        Assert.Equal(0, await relay.ExitAsync());
        Assert.True(reply.Length == 0 || reply.StartsWith("250 2.0.0", StringComparison.Ordinal) || reply.StartsWith("421 ", StringComparison.Ordinal), reply);
        await relay.RestartAsync();
        if (reply.StartsWith("250", StringComparison.Ordinal))
        {
            await server.MessageAsync(_ => true, "the accepted message");
        }

        Assert.Equal(0, await relay.StopAsync());
        Assert.Equal(reply.StartsWith("250", StringComparison.Ordinal) ? 1 : 0, server.Count);
    }
}
