using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using Relay.EndToEnd.Tests.Harness;

namespace Relay.EndToEnd.Tests;

/// <summary>Asking the relay costs nothing worth speaking of, however much waits, and slows no mail. The long form has a million messages for 10,000 domains.</summary>
[Collection<Alone>]
public sealed class QueueCostTests
{
    private const string Live = "live.test";

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
        await Task.WhenAll(Enumerable.Range(0, 20).Select(part => FillAsync(relay, part, 20, messages, domains)));
        using var http = new HttpClient { BaseAddress = relay.Admin };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", (await File.ReadAllTextAsync(Path.Combine(relay.Folder, "admin.token"), TestContext.Current.CancellationToken)).Trim());

        Task flow = SmtpSource.SendAsync("127.0.0.1", relay.Port, LongForm.Wanted ? 300_000 : 6000, 10, 4096, "box@" + Live);
        var times = new Dictionary<string, List<double>>();
        for (int i = 0; i < questions; i++)
        {
            foreach ((string kind, string path) in new[] { ("queue by domain", "queue"), ("queue by name", "queue?sort=name&limit=1000"), ("queue by site", "queue?by=site"), ("why", $"why/d{i % domains}.test") })
            {
                long start = Stopwatch.GetTimestamp();
                string answer = await http.GetStringAsync(new Uri(path, UriKind.Relative), TestContext.Current.CancellationToken);
                (times.TryGetValue(kind, out List<double>? list) ? list : times[kind] = []).Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
                Assert.Contains("\"why\":", answer, StringComparison.Ordinal);
            }
        }

        bool flowed = !flow.IsCompleted;
        await flow;
        Figure.Report($"{messages} messages queued for {domains} domains, while mail flows{(flowed ? "" : " (at first)")}: " + string.Join(", ", times.Select(static t =>
        {
            double[] sorted = [.. t.Value.Skip(5).Order()];
            return string.Create(CultureInfo.InvariantCulture, $"{t.Key} p50 {sorted[sorted.Length / 2]:0.0} p99 {sorted[(int)(sorted.Length * 0.99)]:0.0} ms");
        })));
        Assert.Equal(0, await relay.StopAsync());
    }

    private static async Task FillAsync(RelayProcess relay, int part, int parts, int messages, int domains)
    {
        using RawClient client = await RawClient.ConnectAsync(relay.Listener);
        await client.HelloAsync();
        for (int i = part; i < messages; i += parts)
        {
            Assert.StartsWith("250 ", await client.SendMessageAsync("sender@from.test", string.Create(CultureInfo.InvariantCulture, $"user@d{i % domains}.test"), "Subject: x\r\n\r\nx\r\n"u8.ToArray()), StringComparison.Ordinal);
        }
    }
}
