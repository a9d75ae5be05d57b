using Relay.Flow.Milter;
using Relay.Tests.Support;

namespace Relay.Tests.Flow.Milter;

/// <summary>An engine with one milter (or more), and the short way through a session.</summary>
internal static class MilterSession
{
    public const string Message = "Subject: test\r\nFrom: a@from.example\r\n\r\nHello\r\n";

    public static Task<EngineFixture> StartAsync(ScriptedMilter milter, Func<MilterOptions, MilterOptions>? with = null) => StartAsync([milter], with);

    public static async Task<EngineFixture> StartAsync(ScriptedMilter[] milters, Func<MilterOptions, MilterOptions>? with = null)
    {
        var relay = new EngineFixture { Milters = milters };
        relay.Options = relay.Options with { Milters = [.. milters.Select(m => with is null ? m.Options : with(m.Options))] };
        relay.Dns.Mx("to.example", (10, "mx.to.example")).Host("mx.to.example", "192.0.2.1");
        return await relay.StartAsync();
    }

    /// <summary>The replies of a session that sends one message: CONNECT, EHLO, MAIL, RCPT, DATA, end of data, as far as it gets.</summary>
    public static async Task<string> TryAsync(TestClient client, string message = Message)
    {
        string reply = await client.ReadAsync() ?? "(closed)";
        foreach (string line in new[] { "EHLO client.example", "MAIL FROM:<a@from.example>", "RCPT TO:<b@to.example>", "DATA", message + "." })
        {
            if (!reply.StartsWith("220", StringComparison.Ordinal) && !reply.StartsWith("250", StringComparison.Ordinal) && !reply.StartsWith("354", StringComparison.Ordinal))
            {
                return reply;
            }

            await client.WriteAsync(line + "\r\n");
            reply = await client.ReadAsync() ?? "(closed)";
        }

        return reply;
    }
}
