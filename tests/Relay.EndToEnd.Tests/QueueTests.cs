using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Relay.EndToEnd.Tests.Harness;

namespace Relay.EndToEnd.Tests;

/// <summary>Why mail isn't gone: what the admin listener tells those who have its token, and `relay queue` and `relay why`.</summary>
public sealed class QueueTests
{
    [Fact]
    public async Task What_holds_mail_back_is_told_for_each_domain_and_site()
    {
        await using ScriptedServer server = ScriptedServer.Start(new ServerScript { OnRecipient = static to => to.Contains("later@", StringComparison.Ordinal) ? "450 4.2.2 Mailbox full" : null });
        int dead = FreePort.On("127.0.0.1");
        RelaySettings settings = RelaySettings.SmartHost(server.Address, server.Port) with { Retry = "5m" };
        await using RelayProcess relay = await RelayProcess.StartAsync(settings with
        {
            Routes = new Dictionary<string, string> { ["dead.test"] = $"smtp://127.0.0.1:{dead}", ["*"] = server.Url },
        });
        using (RawClient client = await RawClient.ConnectAsync(relay.Listener))
        {
            await client.HelloAsync();
            foreach (string to in (string[])["a@dead.test", "b@dead.test", "later@to.test", "now@to.test"])
            {
                await client.SendMessageAsync("sender@from.test", to, "Subject: x\r\n\r\nx\r\n"u8.ToArray());
            }
        }

        await Eventually.True(() => relay.Deliveries.Read().Count(static r => r.Event is "deferred" or "delivered") == 4, "each was tried");

        await using ToolProcess queue = await AskAsync(relay, "queue");
        Assert.Equal(0, queue.ExitCode);
        Assert.StartsWith("MESSAGES  LIMIT", queue.Output[0], StringComparison.Ordinal);
        Assert.Contains(queue.Output, line => line.StartsWith("2 ", StringComparison.Ordinal) && line.Contains($"smtp://127.0.0.1:{dead}", StringComparison.Ordinal) && line.Contains("connection refused", StringComparison.Ordinal));
        Assert.Contains(queue.Output, line => line.StartsWith("1 ", StringComparison.Ordinal) && line.Contains("back_off", StringComparison.Ordinal) && line.Contains("450 4.2.2 Mailbox full", StringComparison.Ordinal));

        await using ToolProcess sites = await AskAsync(relay, "queue", "--by", "site", "--sort", "name");
        Assert.Contains(sites.Output, line => line.Contains("suspended", StringComparison.Ordinal) && line.Contains($"smtp://127.0.0.1:{dead}", StringComparison.Ordinal));

        await using ToolProcess why = await AskAsync(relay, "why", "to.test");
        Assert.True(why.ExitCode == 0, why.Transcript);
        Assert.Contains(": 1 messages; back_off: put off, because the last answer was: 450 4.2.2 Mailbox full (until 20", why.Output[0], StringComparison.Ordinal);
        Assert.Contains(why.Output, static line => line.StartsWith("last put off at 20", StringComparison.Ordinal));
        Assert.Contains(why.Output, static line => line.StartsWith("site smtp://", StringComparison.Ordinal));

        await using ToolProcess json = await AskAsync(relay, "why", "DEAD.test", "--json");
        JsonElement destination = JsonDocument.Parse(Assert.Single(json.Output, static line => line.Length > 0)).RootElement.GetProperty("destination");
        Assert.Equal((2, "back_off"), (destination.GetProperty("messages").GetInt32(), destination.GetProperty("limit").GetString()));

        await using ToolProcess unknown = await AskAsync(relay, "queue", "--by", "nothing");
        Assert.Equal(1, unknown.ExitCode);
    }

    [Fact]
    public async Task A_message_is_shown_explained_held_over_a_kill_released_and_traced()
    {
        bool full = true;
        await using ScriptedServer server = ScriptedServer.Start(new ServerScript { OnRecipient = to => Volatile.Read(ref full) && to.Contains("later@", StringComparison.Ordinal) ? "450 4.2.2 Mailbox full" : null });
        await using RelayProcess relay = await RelayProcess.StartAsync(RelaySettings.SmartHost(server.Address, server.Port) with { Retry = "1s" });
        string id = await SendAsync(relay, "later@to.test", "Subject: look here");
        await Eventually.True(() => relay.Deliveries.Read().Any(static r => r.Event == "deferred"), "it was tried");

        await using ToolProcess held = await AskAsync(relay, "queue", "hold", id);
        Assert.Equal((0, "hold: 1 messages"), (held.ExitCode, held.Output[0]));
        // The log isn't synced, the spool is.
        await Eventually.True(() => relay.Deliveries.Read().Any(static r => r.Event == "held"), "its line in the log");
        await relay.Kill9Async();
        await relay.RestartAsync();

        await using ToolProcess why = await AskAsync(relay, "why", id);
        Assert.True(why.ExitCode == 0, why.Transcript);
        Assert.StartsWith($"{id}: from <sender@from.test>, ", why.Output[0], StringComparison.Ordinal);
        Assert.StartsWith("to <later@to.test>: held, ", why.Output[1], StringComparison.Ordinal);
        Assert.Equal("   held: an operator holds it", why.Output[2]);
        await using ToolProcess show = await AskAsync(relay, "queue", "show", id);
        Assert.Contains(show.Output, static line => line == "from      <sender@from.test>");
        Assert.Contains(show.Output, static line => line == "Subject: look here");
        await using ToolProcess tenants = await AskAsync(relay, "queue", "--by", "tenant", "--sort", "age");
        Assert.Matches("^1 +1 +[0-9]+ +20[^ ]+ +default$", tenants.Output[1]);

        Volatile.Write(ref full, false);
        await using ToolProcess released = await AskAsync(relay, "queue", "release", "domain:to.test");
        Assert.Equal((0, "release: 1 messages"), (released.ExitCode, released.Output[0]));
        await server.MessageAsync(static _ => true, "the message");
        await Eventually.True(() => relay.Deliveries.Read().Any(static r => r.Event == "delivered"), "its line in the log");

        await using ToolProcess trace = await AskAsync(relay, "trace", id);
        Assert.True(trace.ExitCode == 0, trace.Transcript);
        string[] events = [.. trace.Output.Skip(1).Where(static l => l.Length > 0).Select(static l => l.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1])];
        Assert.Equal(("received", "delivered"), (events[0], events[^1]));
        Assert.Equal(["held", "released"], events.Where(static e => e is "held" or "released"));
        await using ToolProcess json = await AskAsync(relay, "trace", id, "--json");
        Assert.True(JsonDocument.Parse(Assert.Single(json.Output, static line => line.Length > 0)).RootElement.GetProperty("complete").GetBoolean());
        await using ToolProcess gone = await AskAsync(relay, "why", id);
        Assert.Equal(1, gone.ExitCode);
        Assert.Contains(relay.Errors, line => line.Contains($" ordered hold for {id}: 1 messages", StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_is_bounced_comes_back_to_its_sender_and_what_is_dropped_does_not()
    {
        await using ScriptedServer server = ScriptedServer.Start(new ServerScript { OnRecipient = static to => to.Contains("later@", StringComparison.Ordinal) ? "450 4.2.2 Mailbox full" : null });
        await using RelayProcess relay = await RelayProcess.StartAsync(RelaySettings.SmartHost(server.Address, server.Port) with { Retry = "5m" });
        string bounced = await SendAsync(relay, "later@one.test", "Subject: a");
        string dropped = await SendAsync(relay, "later@two.test", "Subject: b");
        await Eventually.True(() => relay.Deliveries.Read().Count(static r => r.Event == "deferred") == 2, "both were tried");

        await using ToolProcess retry = await AskAsync(relay, "queue", "retry", "all");
        Assert.Equal("retry: 2 messages", retry.Output[0]);
        await Eventually.True(() => relay.Deliveries.Read().Count(static r => r.Event == "deferred") == 4, "both were tried again");
        await using ToolProcess bounce = await AskAsync(relay, "queue", "bounce", "domain:one.test");
        await using ToolProcess drop = await AskAsync(relay, "queue", "drop", dropped);
        Assert.Equal(("bounce: 1 messages", "drop: 1 messages"), (bounce.Output[0], drop.Output[0]));
        await Eventually.True(() => relay.Deliveries.Read().Count(static r => r.Event is "bounced" or "dropped") == 2, "both ended");

        Assert.Equal(bounced, relay.Deliveries.Read().Single(static r => r.Event == "bounced").Id);
        Assert.Equal(dropped, relay.Deliveries.Read().Single(static r => r.Event == "dropped").Id);
        await server.MessageAsync(static _ => true, "the report");
        await using ToolProcess unknown = await AskAsync(relay, "queue", "drop", dropped);
        Assert.Equal(1, unknown.ExitCode);
        await using ToolProcess wrong = await AskAsync(relay, "queue", "drop", "everything");
        await using ToolProcess all = await AskAsync(relay, "queue", "drop", "all");
        Assert.Equal((1, true), (all.ExitCode, all.Transcript.Contains("drop all gives all mail up, and nothing brings it back: write --yes too", StringComparison.Ordinal)));
        Assert.Equal(1, wrong.ExitCode);
    }

    [Fact]
    public async Task Nobody_is_told_without_the_token_nor_under_a_name_that_is_not_the_listener_s()
    {
        await using RelayProcess relay = await RelayProcess.StartAsync(new RelaySettings());
        string file = Path.Combine(relay.Folder, "admin.token");
        string token = (await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken)).Trim();
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, OperatingSystem.IsWindows() ? default : File.GetUnixFileMode(file));

        foreach (string path in (string[])["queue", "queue?by=site", "queue/0123456789ABC", "why/to.test", "trace/0123456789ABC", "abuse"])
        {
            Assert.Equal(HttpStatusCode.Unauthorized, await GetAsync(relay, path, null, null));
            Assert.Equal(HttpStatusCode.Unauthorized, await GetAsync(relay, path, token + "0", null));
            Assert.Equal(HttpStatusCode.Unauthorized, await GetAsync(relay, path, "", null));
            Assert.Equal((HttpStatusCode)421, await GetAsync(relay, path, token, "attacker.example"));
            Assert.Equal((HttpStatusCode)421, await GetAsync(relay, path, null, "attacker.example"));
        }

        Assert.Equal(HttpStatusCode.Unauthorized, await GetAsync(relay, "queue/drop?selector=all", null, null, HttpMethod.Post));
        Assert.Equal((HttpStatusCode)421, await GetAsync(relay, "queue/drop?selector=all", token, "attacker.example", HttpMethod.Post));
        Assert.Equal(HttpStatusCode.OK, await GetAsync(relay, "queue/drop?selector=all", token, null, HttpMethod.Post));
        Assert.Equal(HttpStatusCode.BadRequest, await GetAsync(relay, "queue/drop?selector=", token, null, HttpMethod.Post));
        Assert.Equal(HttpStatusCode.NotFound, await GetAsync(relay, "queue/burn?selector=all", token, null, HttpMethod.Post));
        Assert.Equal(HttpStatusCode.NotFound, await GetAsync(relay, "queue/0123456789ABC", token, null));
        Assert.Equal(HttpStatusCode.BadRequest, await GetAsync(relay, "queue/drop", token, null));
        Assert.Equal(HttpStatusCode.NotFound, await GetAsync(relay, "trace/0123456789ABC", token, null));
        Assert.Equal(HttpStatusCode.BadRequest, await GetAsync(relay, "queue?sort=age", token, null));
        Assert.Equal(HttpStatusCode.OK, await GetAsync(relay, "queue?by=tenant&sort=age", token, null));

        Assert.Equal(HttpStatusCode.OK, await GetAsync(relay, "queue", token, null));
        Assert.Equal(HttpStatusCode.OK, await GetAsync(relay, "queue", token, "localhost"));
        Assert.Equal(HttpStatusCode.OK, await GetAsync(relay, "queue", token, "relay.test"));
        Assert.Equal(HttpStatusCode.NotFound, await GetAsync(relay, "why/nowhere.test", token, null));
        Assert.Equal(HttpStatusCode.BadRequest, await GetAsync(relay, "queue?by=colour", token, null));
        Assert.Equal(HttpStatusCode.BadRequest, await GetAsync(relay, "queue?limit=0", token, null));
        Assert.Equal(HttpStatusCode.OK, await GetAsync(relay, "openapi.json", null, null));
    }

    [Fact]
    public async Task A_relay_that_cannot_be_asked_is_exit_status_2_and_one_clear_line()
    {
        using var folder = new TempFolder();
        folder.Write("admin.token", "x\n");
        string file = folder.Write("relay.toml", $"hostname = \"relay.test\"\n[admin]\naddress = \"127.0.0.1:{FreePort.On("127.0.0.1")}\"\n");

        await using ToolProcess why = await RelayProcess.CommandAsync("why", "to.test", "--config", file);

        Assert.Equal(2, why.ExitCode);
        Assert.StartsWith("relay: the relay at 127.0.0.1:", Assert.Single(why.Errors, static line => line.Length > 0), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Where_the_token_cannot_be_kept_mail_goes_on_and_the_log_says_so()
    {
        await using ScriptedServer server = ScriptedServer.Start();
        await using RelayProcess relay = await RelayProcess.StartAsync(RelaySettings.SmartHost(server.Address, server.Port) with { AdminMore = "token = { file = \"/proc/nowhere/token\" }" });
        using RawClient client = await RawClient.ConnectAsync(relay.Listener);
        await client.HelloAsync();
        await client.SendMessageAsync("sender@from.test", "a@to.test", "Subject: x\r\n\r\nx\r\n"u8.ToArray());
        await server.MessageAsync(static _ => true, "the message");

        Assert.Contains(relay.Errors, static line => line.Contains("/proc/nowhere/token", StringComparison.Ordinal));
        Assert.Equal(HttpStatusCode.Unauthorized, await GetAsync(relay, "queue", "x", null));
    }

    private static Task<ToolProcess> AskAsync(RelayProcess relay, params string[] command) =>
        RelayProcess.CommandAsync([.. command, "--config", relay.ConfigFile, "--admin", $"{relay.Admin.Host}:{relay.Admin.Port}"]);

    private static async Task<string> SendAsync(RelayProcess relay, string to, string header)
    {
        using RawClient client = await RawClient.ConnectAsync(relay.Listener);
        await client.HelloAsync();
        string queued = await client.SendMessageAsync("sender@from.test", to, Encoding.ASCII.GetBytes(header + "\r\n\r\nx\r\n"));
        return queued.Trim()[^13..];
    }

    private static async Task<HttpStatusCode> GetAsync(RelayProcess relay, string path, string? token, string? host, HttpMethod? method = null)
    {
        using var http = new HttpClient { BaseAddress = relay.Admin };
        using var request = new HttpRequestMessage(method ?? HttpMethod.Get, new Uri(path, UriKind.Relative));
        request.Headers.Host = host;
        request.Headers.Authorization = token is null ? null : new AuthenticationHeaderValue("Bearer", token);
        using HttpResponseMessage response = await http.SendAsync(request, TestContext.Current.CancellationToken);
        return response.StatusCode;
    }
}
