using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using Relay.EndToEnd.Tests.Harness;

namespace Relay.EndToEnd.Tests;

/// <summary>Asking the relay costs nothing worth speaking of, however much waits, and slows no mail. The long form has a million messages for 10,000 domains, and measures what mail loses by the questions.</summary>
[Collection<Alone>]
public sealed class QueueCostTests
{
    private const string Live = "live.test";
    private const int Pairs = 7;

    /// <summary>A display that many look at asks as often.</summary>
    private static readonly TimeSpan BetweenQuestions = TimeSpan.FromMilliseconds(100);

    private static readonly string[] Bounded = ["why ID", "queue show", "trace", "trace of what is gone", "queue by tenant"];

    [Fact]
    public async Task With_very_much_mail_queued_each_question_is_answered_at_once_while_mail_flows()
    {
        (int messages, int domains, int questions) = LongForm.Wanted ? (1_000_000, 10_000, 400) : (10_000, 1000, 60);
        await using var dns = new StubDns(static name => name.StartsWith('d') ? $"mx{name[1..name.IndexOf('.', StringComparison.Ordinal)]}.hosts.test" : null, static _ => "127.1.0.1");
        // Takes connections and never greets: the mail waits.
        using var silent = new TcpListener(IPAddress.Any, 0);
        silent.Start(4000);
        int port = FreePort.On("127.0.0.1");
        await using SmtpSink sink = await SmtpSink.StartAsync("127.0.0.1", port);
        await using RelayProcess relay = await RelayProcess.StartAsync(new RelaySettings
        {
            // All of it and what flows: what has no room waits on disk alone.
            Spool = "path = \"spool\"\nmessages_in_memory = 2_000_000",
            Dns = $"servers = [\"{dns.EndPoint}\"]",
            Delivery = $"port = {((IPEndPoint)silent.LocalEndpoint).Port}\n[delivery.timeouts]\ngreeting = \"1h\"",
            Limits = "connections_per_address = 1000",
            Log = "level = \"warning\"",
            Routes = new Dictionary<string, string> { [Live] = $"smtp://127.0.0.1:{port}" },
        });
        var waiting = new ConcurrentQueue<string>();
        var gone = new ConcurrentQueue<string>();
        await Task.WhenAll(Enumerable.Range(0, 20).Select(part => FillAsync(relay, part, 20, messages, domains, messages / questions, waiting, gone)));
        string[] ids = [.. waiting];
        string[] delivered = [.. gone];
        using var http = new HttpClient { BaseAddress = relay.Admin };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", (await File.ReadAllTextAsync(Path.Combine(relay.Folder, "admin.token"), TestContext.Current.CancellationToken)).Trim());

        Task flow = SmtpSource.SendAsync("127.0.0.1", relay.Port, LongForm.Wanted ? 300_000 : 6000, 10, 4096, "box@" + Live);
        var times = new Dictionary<string, List<double>>();
        for (int i = 0; i < questions; i++)
        {
            foreach ((string kind, string path) in new[] { ("queue by domain", "queue"), ("queue by name", "queue?sort=name&limit=1000"), ("queue by site", "queue?by=site"), ("why", $"why/d{i % domains}.test"),
                ("why ID", $"why/{ids[i % ids.Length]}"), ("queue show", $"queue/{ids[i * 7 % ids.Length]}"), ("trace", $"trace/{ids[i * 11 % ids.Length]}"), ("trace of what is gone", $"trace/{delivered[i % delivered.Length]}"),
                ("queue by tenant", "queue?by=tenant") })
            {
                long start = Stopwatch.GetTimestamp();
                string answer = await http.GetStringAsync(new Uri(path, UriKind.Relative), TestContext.Current.CancellationToken);
                (times.TryGetValue(kind, out List<double>? list) ? list : times[kind] = []).Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
                Assert.Contains(kind.StartsWith("trace", StringComparison.Ordinal) ? "\"complete\":true" : kind == "queue by tenant" ? "\"oldest\":" : "\"why\":", answer, StringComparison.Ordinal);
            }
        }

        bool flowed = !flow.IsCompleted;
        await flow;
        var p99 = times.ToDictionary(static t => t.Key, static t => t.Value.Skip(5).Order().ElementAt((int)((t.Value.Count - 5) * 0.99)));
        Figure.Report($"{messages} messages queued for {domains} domains, while mail flows{(flowed ? "" : " (at first)")}: " + string.Join(", ", times.Select(t =>
            string.Create(CultureInfo.InvariantCulture, $"{t.Key} p50 {t.Value.Skip(5).Order().ElementAt((t.Value.Count - 5) / 2):0.0} p99 {p99[t.Key]:0.0} ms"))));
        if (LongForm.Wanted)
        {
            Figure.Report(await LossAsync(relay, http, ids, delivered));
            Assert.All(Bounded, kind => Assert.True(p99[kind] < 100, $"{kind}: {p99[kind]} ms"));
            // What is being sent to servers that never answer has the grace time: too long for the short form.
            Assert.Equal(0, await relay.StopAsync());
        }
    }

    /// <summary>The same mail with and without questions, in turn: which of the two is first changes, so that what drifts hits both.</summary>
    private static async Task<string> LossAsync(RelayProcess relay, HttpClient http, string[] ids, string[] delivered)
    {
        const int Messages = 20_000;
        var losses = new List<double>();
        for (int pair = 0; pair < Pairs; pair++)
        {
            var rates = new Dictionary<bool, double>();
            foreach (bool asked in (bool[])[pair % 2 == 0, pair % 2 != 0])
            {
                using var end = new CancellationTokenSource();
                Task questions = asked ? AskAsync(http, ids, delivered, end.Token) : Task.CompletedTask;
                long start = Stopwatch.GetTimestamp();
                await SmtpSource.SendAsync("127.0.0.1", relay.Port, Messages, 10, 4096, "box@" + Live);
                rates[asked] = Messages / Stopwatch.GetElapsedTime(start).TotalSeconds;
                await end.CancelAsync();
                await questions;
            }

            losses.Add(1 - (rates[true] / rates[false]));
        }

        losses.Sort();
        return string.Create(CultureInfo.InvariantCulture, $"mail lost by ten questions a second, {Pairs} pairs: median {losses[Pairs / 2]:P1}, from {losses[0]:P1} to {losses[^1]:P1}");
    }

    private static async Task AskAsync(HttpClient http, string[] ids, string[] delivered, CancellationToken end)
    {
        for (int i = 0; !end.IsCancellationRequested; i++)
        {
            string[] paths = [$"why/{ids[i % ids.Length]}", $"queue/{ids[i * 7 % ids.Length]}", $"trace/{ids[i * 11 % ids.Length]}", $"trace/{delivered[i % delivered.Length]}", "queue?by=tenant", "queue", "queue?by=site"];
            using HttpResponseMessage response = await http.GetAsync(new Uri(paths[i % paths.Length], UriKind.Relative), CancellationToken.None);
            Assert.True(response.IsSuccessStatusCode);
            await Task.Delay(BetweenQuestions, TimeProvider.System, end).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static async Task FillAsync(RelayProcess relay, int part, int parts, int messages, int domains, int sample, ConcurrentQueue<string> waiting, ConcurrentQueue<string> gone)
    {
        using RawClient client = await RawClient.ConnectAsync(relay.Listener);
        await client.HelloAsync();
        for (int i = part; i < messages; i += parts)
        {
            string queued = await client.SendMessageAsync("sender@from.test", string.Create(CultureInfo.InvariantCulture, $"user@d{i % domains}.test"), "Subject: x\r\n\r\nx\r\n"u8.ToArray());
            Assert.StartsWith("250 ", queued, StringComparison.Ordinal);
            if (i % sample == 0)
            {
                waiting.Enqueue(queued.Trim()[^13..]);
                gone.Enqueue((await client.SendMessageAsync("sender@from.test", "box@" + Live, "Subject: x\r\n\r\nx\r\n"u8.ToArray())).Trim()[^13..]);
            }
        }
    }
}
