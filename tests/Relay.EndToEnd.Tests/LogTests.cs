using System.Text;
using Relay.EndToEnd.Tests.Harness;

namespace Relay.EndToEnd.Tests;

public sealed class LogTests
{
    private const string Mark = "INJECTED";

    [Fact]
    public async Task Hostile_bytes_from_either_side_leave_every_log_line_one_line()
    {
        await using ScriptedServer server = ScriptedServer.Start(new ServerScript
        {
            OnRecipient = to => to.Contains("bad@", StringComparison.Ordinal) ? $"550 5.1.1 \u001b[2J\u0007 {Mark} \"quoted\" \\ \u007f \u0085 \u00ff\r{Mark}" : null,
        });
        await using RelayProcess relay = await RelayProcess.StartAsync(
            RelaySettings.SmartHost(server.Address, server.Port) with { Limits = "errors = 1000" });
        using RawClient client = await RawClient.ConnectAsync(relay.Listener);
        string[] hostile = ["\u001b[31m", "\0", "\u0085" + Mark, "\u007f", "\"", "\\", "\u00ff\u00fe", "{\"event\":\"delivered\"}"];
        foreach (string bytes in hostile)
        {
            await EachLineIsAnsweredAsync(client, $"EHLO a{bytes}b");
            await client.HelloAsync();
            await EachLineIsAnsweredAsync(client, $"MAIL FROM:<a{bytes}@from.test>");
            await client.CommandAsync("RSET");
            await EachLineIsAnsweredAsync(client, $"MAIL FROM:<\"a{bytes}\"@from.test>");
            await client.CommandAsync("RSET");
            await EachLineIsAnsweredAsync(client, $"{Mark}{bytes}");
        }

        foreach (string bytes in new[] { "\r" + Mark, "\n" + Mark })
        {
            await TheSessionEndsAsync(relay, $"EHLO a{bytes}b");
            await TheSessionEndsAsync(relay, $"MAIL FROM:<\"a{bytes}\"@from.test>");
        }

        string content = $"Subject: \u001b]0;{Mark}\u0007 \u0085\u00ff\r\nFrom: \"\u001b[31m\" <x@from.test>\r\n\r\nx\r\n";
        Assert.StartsWith("250 ", await client.SendMessageAsync("sender@from.test", "bad@to.test", Encoding.Latin1.GetBytes(content)), StringComparison.Ordinal);
        await relay.Deliveries.FindAsync(record => record.Event == "bounced", "the bounce");
        await server.MessageAsync(message => message.ReversePath.Length == 0, "the report");
        Assert.Equal(0, await relay.StopAsync());

        Assert.All(relay.Errors, line =>
        {
            Assert.DoesNotContain(line, char.IsControl);
            Assert.False(line.StartsWith(Mark, StringComparison.Ordinal), line);
        });
        Assert.All(relay.Deliveries.Read(), record => Assert.DoesNotContain(record.Line, char.IsControl));
        Assert.DoesNotContain(relay.Deliveries.Read(), record => record.Event == "delivered" && record.From.Length > 0);
    }

    /// <summary>A bare LF or CR must not make two commands of one (RFC 5321 §2.3.8): one refusal, and nothing the client says after it counts.</summary>
    private static async Task TheSessionEndsAsync(RelayProcess relay, string line)
    {
        using RawClient client = await RawClient.ConnectAsync(relay.Listener);
        Assert.StartsWith("521 ", await client.CommandAsync(line), StringComparison.Ordinal);
        Assert.Equal("", await client.CommandAsync("NOOP"));
    }

    /// <summary>After one reply the next command's reply is the next.</summary>
    private static async Task EachLineIsAnsweredAsync(RawClient client, string line)
    {
        Assert.NotEqual("", await client.CommandAsync(line));
        Assert.StartsWith("250 2.0.0", await client.CommandAsync("NOOP"), StringComparison.Ordinal);
    }
}
