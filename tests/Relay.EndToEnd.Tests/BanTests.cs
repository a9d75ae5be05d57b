using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Relay.EndToEnd.Tests.Harness;

namespace Relay.EndToEnd.Tests;

/// <summary>Passwords are guessed, from one address by hydra and from many by a script, on a relay that bans its own machine too; lists in real DNS; clients that don't wait for the greeting.</summary>
public sealed class BanTests : IDisposable
{
    private const string Password = "correct horse battery";

    // The delays of a short test: the waits of real life add up to half a minute before a ban.
    private const string Quick = "[abuse]\nban_trusted = true\nlogin_delay = \"200ms\"\n";

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>H27, K4.</summary>
    [Fact]
    public async Task Hydra_gets_ten_guesses_and_the_right_password_is_not_among_them_while_the_user_logs_in_from_elsewhere()
    {
        string hydra = Tool.Find("hydra", "hydra");
        await using RelayProcess relay = await StartAsync();
        string passwords = _folder.Write("passwords", string.Concat(Enumerable.Range(0, 400).Select(static i => $"guess{i}\n")) + Password + "\n");
        long started = TimeProvider.System.GetTimestamp();
        await using ToolProcess guessing = ToolProcess.Start(
            hydra, ["-I", "-f", "-t", "16", "-W", "1", "-w", "5", "-l", "alice", "-P", passwords, $"smtp://127.0.0.1:{relay.Port}/TLS:PLAIN"], folder: _folder.Path);
        await relay.ErrorAsync("127.0.0.1 is banned until", TimeSpan.FromSeconds(60));
        TimeSpan untilBan = TimeProvider.System.GetElapsedTime(started);

        string user = await GuessAsync(relay, "127.2.0.1", "alice", Password, 1);
        await guessing.ExitAsync(TimeSpan.FromSeconds(120));

        Assert.Contains("235", user, StringComparison.Ordinal);
        Assert.DoesNotContain(guessing.Output, static line => line.Contains("password: ", StringComparison.Ordinal));
        Figure.Report(string.Create(CultureInfo.InvariantCulture, $"hydra with 16 connections: banned after {untilBan.TotalSeconds:F1} s, no password found"));
        await using ToolProcess bans = await AskAsync(relay, "abuse", "list");
        Assert.Contains(bans.Output, static line => line.StartsWith("127.0.0.1 ", StringComparison.Ordinal) && line.EndsWith("logins", StringComparison.Ordinal));
    }

    [Fact]
    public async Task From_many_addresses_a_network_gets_a_hundred_guesses_and_the_user_logs_in_meanwhile()
    {
        await using RelayProcess relay = await StartAsync();
        string script = _folder.Write("guess.py", """
            import base64, collections, json, smtplib, ssl, sys, threading, time
            port, password, let_in, guesses, lock = int(sys.argv[1]), sys.argv[2], 0, collections.Counter(), threading.Lock()
            context, began, work = ssl._create_unverified_context(), time.time(), [f"127.1.{n}.{h}" for h in range(1, 26) for n in range(2)]
            def one(address, name, guess):
                global let_in
                s = smtplib.SMTP("127.0.0.1", port, source_address=(address, 0), timeout=30)
                s.starttls(context=context); s.ehlo()
                while True:
                    code, _ = s.docmd("AUTH", "PLAIN " + base64.b64encode(f"\0{name}\0{guess()}".encode()).decode())
                    with lock:
                        guesses[address.rsplit(".", 1)[0]] += code == 535
                        let_in += code == 235
                    if code not in (454, 535):
                        return
            def run():
                n = 0
                while work:
                    try:
                        address = work.pop()
                        def guess():
                            nonlocal n
                            n += 1
                            return f"{address} {n}"
                        for _ in range(2):
                            one(address, "alice" if n % 2 else "nobody", guess)
                    except (OSError, smtplib.SMTPException, IndexError):
                        pass
            threads = [threading.Thread(target=run) for _ in range(24)]
            [t.start() for t in threads]; [t.join() for t in threads]
            print(json.dumps({"guesses": guesses, "let_in": let_in, "seconds": time.time() - began}))
            """);
        await using ToolProcess guessing = ToolProcess.Start(Tool.Find("python3", "python3"), [script, relay.Port.ToString(CultureInfo.InvariantCulture), Password]);
        await relay.ErrorAsync(" is banned until", TimeSpan.FromSeconds(60));
        string user = await GuessAsync(relay, "127.2.0.1", "alice", Password, 1);
        Assert.Contains("235", user, StringComparison.Ordinal);

        Assert.True(await guessing.ExitAsync(TimeSpan.FromSeconds(120)) == 0, guessing.Transcript);
        using var result = JsonDocument.Parse(guessing.Output.Last(static line => line.Length > 0));
        Assert.Equal(0, result.RootElement.GetProperty("let_in").GetInt32());
        int[] byNetwork = [.. result.RootElement.GetProperty("guesses").EnumerateObject().Select(static n => n.Value.GetInt32())];
        // Two more than a hundred for what drains away in ten seconds, and those under way.
        Assert.All(byNetwork, static n => Assert.InRange(n, 80, 130));
        Figure.Report($"guesses from 50 addresses in two networks, 24 at a time: {string.Join(" and ", byNetwork)} until both were banned, 0 let in, {result.RootElement.GetProperty("seconds").GetDouble():F1} s");
    }

    [Fact]
    public async Task A_ban_holds_over_kill_9_and_an_operator_sees_and_lifts_it()
    {
        await using RelayProcess relay = await StartAsync();
        string said = await GuessAsync(relay, "127.3.0.1", "alice", "wrong", 12);
        Assert.Contains("421", said, StringComparison.Ordinal);
        string bans = Path.Combine(relay.Folder, "state", "bans");
        await Eventually.True(() => File.Exists(bans) && File.ReadAllText(bans).StartsWith("127.3.0.1 ", StringComparison.Ordinal), "the ban is kept");
        await relay.Kill9Async();
        await relay.RestartAsync();

        Assert.StartsWith("421 4.7.0", await GreetingAsync(relay.Listener, "127.3.0.1", ""), StringComparison.Ordinal);
        Assert.StartsWith("220", await GreetingAsync(relay.Listener, "127.3.0.2", ""), StringComparison.Ordinal);
        using var metrics = new Metrics(relay);
        Assert.Equal(1, metrics.Value("relay_abuse_refused_total", "reason=\"banned\""));
        Assert.Equal(HttpStatusCode.Unauthorized, await GetAsync(relay, "abuse", null));
        Assert.Equal(HttpStatusCode.Unauthorized, await GetAsync(relay, "abuse/lift?address=all", null, HttpMethod.Post));
        Assert.Equal(HttpStatusCode.BadRequest, await GetAsync(relay, "abuse?limit=0", (await File.ReadAllTextAsync(Path.Combine(relay.Folder, "admin.token"), TestContext.Current.CancellationToken)).Trim()));

        await using ToolProcess list = await AskAsync(relay, "abuse", "list");
        Assert.Contains(list.Output, static line => line.StartsWith("127.3.0.1 ", StringComparison.Ordinal) && line.EndsWith("logins", StringComparison.Ordinal));
        await using ToolProcess lift = await AskAsync(relay, "abuse", "lift", "127.3.0.1");
        Assert.True(lift.ExitCode == 0 && lift.Output.Contains("lifted 1"), lift.Transcript);
        await using ToolProcess again = await AskAsync(relay, "abuse", "lift", "127.3.0.1");
        Assert.Equal(1, again.ExitCode);
        Assert.StartsWith("220", await GreetingAsync(relay.Listener, "127.3.0.1", ""), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_stands_on_a_list_in_DNS_is_refused_at_RCPT_and_a_list_that_lists_all_is_not_used()
    {
        await using DnsServer dns = await DnsServer.StartWithAsync(
            "--host-record=2.0.0.127.bl.test,127.0.0.2", "--host-record=7.2.0.192.bl.test,127.0.0.4", "--txt-record=7.2.0.192.bl.test,sent spam", "--address=/all.test/127.0.0.2");
        await using RelayProcess relay = await RelayProcess.StartAsync(new RelaySettings
        {
            Dns = $"servers = [\"{dns.EndPoint}\"]",
            Access = "relay_domains = [\"to.test\"]\nxclient_from = [\"127.0.0.0/8\"]",
            Tables = "[[dnsbl]]\nzone = \"bl.test\"\nanswers = [\"127.0.0.[2..4]\"]\n[[dnsbl]]\nzone = \"all.test\"",
        });
        await relay.ErrorAsync("the DNS list bl.test answers its tests", TimeSpan.FromSeconds(30));
        await relay.ErrorAsync("the DNS list all.test isn't used until it answers as RFC 5782 wants: 127.0.0.1 is listed", TimeSpan.FromSeconds(30));
        using RawClient client = await RawClient.ConnectAsync(relay.Listener);
        foreach ((string address, string reply) in new[] { ("192.0.2.7", "550 5.7.1 client [192.0.2.7] is listed by bl.test: sent spam"), ("192.0.2.8", "250 2.1.5 recipient ok") })
        {
            Assert.StartsWith("220", await client.CommandAsync($"XCLIENT ADDR={address}"), StringComparison.Ordinal);
            await client.HelloAsync();
            await client.CommandAsync("MAIL FROM:<a@from.test>");
            Assert.Equal(reply, await client.CommandAsync("RCPT TO:<a@to.test>"));
            await client.CommandAsync("RSET");
        }

        using var metrics = new Metrics(relay);
        Assert.Equal(1, metrics.Value("relay_abuse_refused_total", "reason=\"dnsbl\""));
    }

    /// <summary>D4.</summary>
    [Fact]
    public async Task Who_speaks_before_the_greeting_is_shown_out_and_who_waits_is_greeted_and_a_deny_list_is_read_again()
    {
        string denied = _folder.Write("denied", "# nobody yet\n");
        await using RelayProcess relay = await RelayProcess.StartAsync(new RelaySettings
        {
            Tables = $"[abuse]\ngreet_delay = \"500ms\"\ndeny_file = \"{denied}\"\n[[listener]]\naddress = \"127.0.0.1:0\"\nproxy_from = [\"127.0.0.1/32\"]",
        });
        const string Proxy = "PROXY TCP4 192.0.2.7 127.0.0.1 40000 25\r\n";
        long started = TimeProvider.System.GetTimestamp();
        Assert.StartsWith("220", await GreetingAsync(relay.Listeners[1], "127.0.0.1", Proxy), StringComparison.Ordinal);
        Assert.True(TimeProvider.System.GetElapsedTime(started) >= TimeSpan.FromMilliseconds(450));
        Assert.Equal("554 5.5.0 you spoke before the greeting", await GreetingAsync(relay.Listeners[1], "127.0.0.1", Proxy + "EHLO client.test\r\n"));
        using var metrics = new Metrics(relay);
        Assert.Equal(1, metrics.Value("relay_abuse_refused_total", "reason=\"early_talker\""));
        Assert.Equal(1, metrics.Value("relay_inbound_closed_total", "end=\"EarlyTalker\""));

        _folder.Write("denied", "192.0.2.0/24\n192.0.2.256\n");
        await relay.HangUpAsync();
        await relay.ErrorAsync($"{denied}:2:1: ", TimeSpan.FromSeconds(30));
        Assert.StartsWith("220", await GreetingAsync(relay.Listeners[1], "127.0.0.1", Proxy), StringComparison.Ordinal);
        _folder.Write("denied", "192.0.2.0/24 # all of it\n");
        await relay.HangUpAsync();
        await Eventually.True(() => GreetingAsync(relay.Listeners[1], "127.0.0.1", Proxy).GetAwaiter().GetResult().StartsWith("554", StringComparison.Ordinal), "the new list holds");
    }

    private static Task<ToolProcess> AskAsync(RelayProcess relay, params string[] command) =>
        RelayProcess.CommandAsync([.. command, "--config", relay.ConfigFile, "--admin", $"{relay.Admin.Host}:{relay.Admin.Port}"]);

    private static async Task<HttpStatusCode> GetAsync(RelayProcess relay, string path, string? token, HttpMethod? method = null)
    {
        using var http = new HttpClient { BaseAddress = relay.Admin };
        using var request = new HttpRequestMessage(method ?? HttpMethod.Get, new Uri(path, UriKind.Relative));
        request.Headers.Authorization = token is null ? null : new AuthenticationHeaderValue("Bearer", token);
        using HttpResponseMessage response = await http.SendAsync(request, TestContext.Current.CancellationToken);
        return response.StatusCode;
    }

    /// <summary>The first line that a relay says to a client that says something first.</summary>
    private static async Task<string> GreetingAsync(IPEndPoint server, string from, string first)
    {
        using var tcp = new TcpClient(new IPEndPoint(IPAddress.Parse(from), 0));
        await tcp.ConnectAsync(server, TestContext.Current.CancellationToken);
        NetworkStream stream = tcp.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(first), TestContext.Current.CancellationToken);
        using var reader = new StreamReader(stream, Encoding.ASCII);
        return await reader.ReadLineAsync(TestContext.Current.CancellationToken) ?? "(closed)";
    }

    /// <summary>Tries to log in, so many times on one connection; the replies' codes.</summary>
    private async Task<string> GuessAsync(RelayProcess relay, string from, string name, string password, int times)
    {
        string script = _folder.Write("login.py", """
            import base64, smtplib, ssl, sys
            s = smtplib.SMTP("127.0.0.1", int(sys.argv[1]), source_address=(sys.argv[2], 0), timeout=30)
            s.starttls(context=ssl._create_unverified_context()); s.ehlo()
            try:
                for i in range(int(sys.argv[5])):
                    password = sys.argv[4] + (str(i) if i else "")
                    print(s.docmd("AUTH", "PLAIN " + base64.b64encode(f"\0{sys.argv[3]}\0{password}".encode()).decode())[0])
            except smtplib.SMTPServerDisconnected:
                print("closed")
            """);
        await using ToolProcess python = await ToolProcess.RunAsync(
            Tool.Find("python3", "python3"), [script, relay.Port.ToString(CultureInfo.InvariantCulture), from, name, password, times.ToString(CultureInfo.InvariantCulture)]);
        return python.Transcript;
    }

    private async Task<RelayProcess> StartAsync()
    {
        string users = _folder.File("users.toml");
        await using ToolProcess added = await RelayProcess.AskAsync(Password + "\n", "user", "add", "alice", "--users", users, "--sender", "*@from.test");
        Assert.True(added.ExitCode == 0, added.Transcript);
        return await RelayProcess.StartAsync(new RelaySettings { Listeners = ["starttls"], Role = "submission", Access = $"relay_from = []\nusers = \"{users}\"", Tables = Quick });
    }
}
