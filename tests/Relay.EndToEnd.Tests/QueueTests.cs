using System.Net;
using System.Net.Http.Headers;
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
    public async Task Nobody_is_told_without_the_token_nor_under_a_name_that_is_not_the_listener_s()
    {
        await using RelayProcess relay = await RelayProcess.StartAsync(new RelaySettings());
        string file = Path.Combine(relay.Folder, "admin.token");
        string token = (await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken)).Trim();
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, OperatingSystem.IsWindows() ? default : File.GetUnixFileMode(file));

        foreach (string path in (string[])["queue", "queue?by=site", "why/to.test"])
        {
            Assert.Equal(HttpStatusCode.Unauthorized, await GetAsync(relay, path, null, null));
            Assert.Equal(HttpStatusCode.Unauthorized, await GetAsync(relay, path, token + "0", null));
            Assert.Equal(HttpStatusCode.Unauthorized, await GetAsync(relay, path, "", null));
            Assert.Equal((HttpStatusCode)421, await GetAsync(relay, path, token, "attacker.example"));
            Assert.Equal((HttpStatusCode)421, await GetAsync(relay, path, null, "attacker.example"));
        }

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

    private static async Task<HttpStatusCode> GetAsync(RelayProcess relay, string path, string? token, string? host)
    {
        using var http = new HttpClient { BaseAddress = relay.Admin };
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(path, UriKind.Relative));
        request.Headers.Host = host;
        request.Headers.Authorization = token is null ? null : new AuthenticationHeaderValue("Bearer", token);
        using HttpResponseMessage response = await http.SendAsync(request, TestContext.Current.CancellationToken);
        return response.StatusCode;
    }
}
