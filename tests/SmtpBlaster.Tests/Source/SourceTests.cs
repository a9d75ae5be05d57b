using System.Net;
using System.Net.Security;
using SmtpBlaster.Messages;
using SmtpBlaster.Net;
using SmtpBlaster.Report;
using SmtpBlaster.Sink;
using SmtpBlaster.Source;
using SmtpBlaster.Tests.Harness;

namespace SmtpBlaster.Tests.Source;

public sealed class SourceTests
{
    [Theory]
    [InlineData(false, false, 0, 1)]
    [InlineData(true, false, 0, 1)]
    [InlineData(false, true, 0, 1)]
    [InlineData(true, true, 0, 1)]
    [InlineData(false, false, 1, 1)]
    [InlineData(true, true, 7, 2)]
    public async Task What_is_sent_arrives_unaltered_however_it_is_said(bool pipelining, bool chunking, int messagesPerConnection, int threads)
    {
        SourceOptions options = Blaster.Source(new IPEndPoint(IPAddress.Loopback, 0), "uniform:40,300KiB", "uniform:1,4", 3) with
        {
            Pipelining = pipelining, Chunking = chunking, MessagesPerConnection = messagesPerConnection, Threads = threads, Count = 300,
        };
        (SourceResult sent, SinkResult taken) = await Blaster.RunAsync(Blaster.Sink() with { Threads = threads }, null, options);
        Assert.Equal((300, 300, 0), (sent.Counters.Acknowledged, taken.Counters.Messages, taken.Counters.Altered));
        Assert.Equal((sent.Counters.RecipientsAcknowledged, 0, 0), (taken.Counters.Recipients, taken.Counters.Unmarked, taken.Counters.Duplicates));
        Assert.Equal(sent.Counters.Octets, taken.Counters.Octets);
        Assert.Equal(300, taken.Latency.TotalCount);
        Assert.Empty(sent.Troubles);
        Assert.Equal(messagesPerConnection == 1 ? 300 : sent.Counters.Connections, sent.Counters.Connections);
    }

    [Theory]
    [InlineData(false, true)]
    [InlineData(false, false)]
    [InlineData(true, true)]
    [InlineData(true, false)]
    public async Task Tls_works_on_both_sides(bool isImplicit, bool resumption)
    {
        TlsMode mode = isImplicit ? TlsMode.Implicit : TlsMode.StartTls;
        SinkOptions sink = Blaster.Sink() with { Tls = mode, TlsOptions = SinkSettings.TlsOptions(null, null, "sink.test") };
        (SourceResult sent, SinkResult taken) = await Blaster.RunAsync(sink, o => o with
        {
            Tls = mode,
            MessagesPerConnection = 5,
            Content = new GeneratedContent(Blaster.Distribution("list:1KiB,200KiB"), o.From, o.To, TimeProvider.System),
            TlsOptions = new SslClientAuthenticationOptions { TargetHost = "sink.test", AllowTlsResume = resumption, RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate is not null },
        });
        Assert.Equal((50, 50, 0), (sent.Counters.Acknowledged, taken.Counters.Messages, taken.Counters.Altered));
        Assert.InRange(sent.Counters.Connections, 10, 15);
        Assert.Empty(sent.Troubles);
    }

    [Fact]
    public async Task A_certificate_that_nobody_vouches_for_is_refused_when_it_is_to_be_verified()
    {
        SinkOptions sink = Blaster.Sink() with { Tls = TlsMode.StartTls, TlsOptions = SinkSettings.TlsOptions(null, null, "sink.test") };
        (SourceResult sent, _) = await Blaster.RunAsync(sink, static o => o with { Tls = TlsMode.StartTls, TlsOptions = new SslClientAuthenticationOptions { TargetHost = "sink.test" } });
        Assert.Equal(0, sent.Counters.Acknowledged);
        Assert.Contains("certificate", sent.GaveUp, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("mail reply=451 4.7.1 later", 50, 0)]
    [InlineData("rcpt reply=550 5.1.1 no", 0, 50)]
    [InlineData("data reply=554 5.6.0 no", 0, 50)]
    [InlineData("end reply=452 4.3.1 full", 50, 0)]
    [InlineData("end reply=421 4.3.2 down", 50, 0)]
    public async Task Refusals_are_counted_by_kind_and_code_and_the_run_goes_on(string rule, long transient, long permanent)
    {
        foreach (bool pipelining in new[] { false, true })
        {
            foreach (bool chunking in new[] { false, true })
            {
                bool neverAsked = chunking && rule.StartsWith("data", StringComparison.Ordinal);
                (SourceResult sent, SinkResult taken) = await Blaster.RunAsync(Blaster.Sink(rule), o => o with { Pipelining = pipelining, Chunking = chunking });
                Assert.Equal(50, sent.Counters.Messages);
                Assert.Equal(neverAsked ? (0, 0) : (transient, permanent), (sent.Counters.Transient, sent.Counters.Permanent));
                Assert.Equal(neverAsked ? 50 : 0, taken.Counters.Messages);
                ReplyCount refusal = sent.Replies.All().FirstOrDefault(static r => r.Code >= 400);
                Assert.True(neverAsked || refusal.Count > 0);
            }
        }
    }

    [Fact]
    public async Task Recipients_that_are_refused_are_not_acknowledged_and_the_others_are()
    {
        SourceOptions options = Blaster.Source(new IPEndPoint(IPAddress.Loopback, 0), "4KiB", "4", 2);
        (SourceResult sent, SinkResult taken) = await Blaster.RunAsync(Blaster.Sink("rcpt domain=d1.test reply=550 5.1.1 no"), static o => o with { Pipelining = true }, options);
        Assert.Equal((50, 200, 100), (sent.Counters.Acknowledged, sent.Counters.Recipients, sent.Counters.RecipientsAcknowledged));
        Assert.Equal((100, 0), (taken.Counters.Recipients, taken.Counters.Duplicates));
    }

    [Fact]
    public async Task A_connection_that_is_dropped_leaves_a_message_unanswered_and_another_goes_on()
    {
        (SourceResult sent, SinkResult taken) = await Blaster.RunAsync(Blaster.Sink("end share=30% drop"));
        Assert.Equal(50, sent.Counters.Acknowledged + sent.Counters.Unanswered);
        Assert.InRange(sent.Counters.Unanswered, 3, 30);
        Assert.Equal(sent.Counters.Acknowledged, taken.Counters.Messages);
        Assert.Equal(sent.Counters.Unanswered, sent.Counters.ConnectionsLost);
    }

    [Fact]
    public async Task A_server_that_hangs_is_left_at_the_deadline()
    {
        (SourceResult sent, _) = await Blaster.RunAsync(Blaster.Sink("end delay=10m"), static o => o with { Count = 3, Sessions = (3, 3), Timeout = Clock.Second / 2 });
        Assert.Equal((0, 3), (sent.Counters.Acknowledged, sent.Counters.Unanswered));
        Assert.Contains("end: timed out", sent.Troubles.Keys);
    }

    [Fact]
    public async Task A_server_that_isnt_there_is_given_up_with_the_reason()
    {
        SourceOptions options = Blaster.Source(new IPEndPoint(IPAddress.Loopback, Blaster.FreePort()));
        SourceResult result = await new SourceRun(options with { GiveUp = Clock.Second / 5, Interval = Clock.Second / 10 }, null, null).RunAsync(TestContext.Current.CancellationToken);
        Assert.Contains("refused", result.GaveUp, StringComparison.OrdinalIgnoreCase);
        Assert.Equal(0, result.Counters.Messages);
    }

    [Fact]
    public async Task Whatever_a_server_answers_the_run_ends()
    {
        string[] words = ["220 x\r\n", "250 x\r\n", "250-x\r\n", "354 x\r\n", "421 x\r\n", "\r\n", "99\r\n", "2x0 y\r\n", "999 x\r\n", "250\n", "\0\0\0", new string('z', 5000), "250-STARTTLS\r\n250-AUTH PLAIN\r\n250 CHUNKING\r\n", "334 !!!\r\n"];
        using var listener = new System.Net.Sockets.TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var stop = new CancellationTokenSource();
        Task serving = Task.Run(async () =>
        {
            var random = new Random(9);
            while (!stop.IsCancellationRequested)
            {
                using System.Net.Sockets.TcpClient client = await listener.AcceptTcpClientAsync(stop.Token);
                try
                {
                    await client.GetStream().WriteAsync("220 x\r\n250 x\r\n"u8.ToArray(), stop.Token);
                    for (int n = random.Next(1, 8); n > 0; n--)
                    {
                        await client.GetStream().WriteAsync(System.Text.Encoding.Latin1.GetBytes(words[random.Next(words.Length)]), stop.Token);
                    }
                }
                catch (IOException)
                {
                    // The source has gone.
                }
            }
        }, stop.Token);
        SourceOptions options = Blaster.Source((IPEndPoint)listener.LocalEndpoint) with { Count = 300, Sessions = (20, 20), Timeout = Clock.Second, Duration = 3 * Clock.Second };
        SourceResult result = await new SourceRun(options, null, null).RunAsync(TestContext.Current.CancellationToken).WaitAsync(TimeSpan.FromSeconds(60), TimeProvider.System, TestContext.Current.CancellationToken);
        Assert.True(result.Counters.ConnectionsFailed + result.Counters.ConnectionsLost > 0);
        Assert.Equal(result.Counters.Messages, result.Counters.Acknowledged + result.Counters.Transient + result.Counters.Permanent + result.Counters.Unanswered);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => serving);
    }

    [Fact]
    public async Task Extensions_that_arent_offered_are_done_without_and_named()
    {
        (SourceResult sent, SinkResult taken) = await Blaster.RunAsync(Blaster.Sink() with { Pipelining = false, Chunking = false }, static o => o with { Pipelining = true, Chunking = true });
        Assert.Equal((50, 50), (sent.Counters.Acknowledged, taken.Counters.Messages));
        Assert.Equal(["CHUNKING", "PIPELINING"], sent.Missing.Order());
    }

    [Fact]
    public async Task Sessions_come_from_the_addresses_that_are_bound()
    {
        byte[][] bind = [.. Enumerable.Range(1, 4).Select(static i => SmtpBlaster.Options.Target.SocketAddress(new IPEndPoint(IPAddress.Parse($"127.0.7.{i}"), 0)))];
        // One connection for each address at a time: only a source that uses all four gets through without a 421.
        (SourceResult sent, SinkResult taken) = await Blaster.RunAsync(Blaster.Sink() with { MaximumConnectionsPerAddress = 1 }, o => o with { Bind = bind, Sessions = (4, 4) });
        Assert.Equal((50, 4, 0), (sent.Counters.Acknowledged, sent.Counters.Connections, taken.Counters.ConnectionsRefused));
    }

    [Fact]
    public async Task Files_are_sent_with_their_dots_and_templates_are_filled_in()
    {
        string file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, "Subject: {number} of {run}\nTo: {to}\n\n.dot\n..two\nlast without an end", TestContext.Current.CancellationToken);
        try
        {
            foreach (bool template in new[] { false, true })
            {
                foreach (bool chunking in new[] { false, true })
                {
                    (_, SinkResult taken) = await Blaster.RunAsync(Blaster.Sink(), o =>
                    {
                        Assert.Null(FileContent.Load([file], template, o.From, o.To, out IMessageContent? content));
                        return o with { Content = content!, Chunking = chunking };
                    });
                    Assert.Equal((50, 0, 0), (taken.Counters.Messages, taken.Counters.Altered, taken.Counters.Unmarked));
                }
            }
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public async Task A_run_that_is_stopped_ends_in_order_with_the_figures_so_far()
    {
        var sink = new SinkRun(Blaster.Sink(), null);
        sink.Start();
        using var stop = new CancellationTokenSource();
        // The first interval is over when there is something to tell.
        var run = new SourceRun(Blaster.Source(sink.Addresses[0]) with { Count = long.MaxValue, Interval = Clock.Second / 10 }, null, point =>
        {
            if (point.Messages > 0)
            {
                stop.Cancel();
            }
        });
        SourceResult sent = await run.RunAsync(stop.Token);
        SinkResult taken = await sink.StopAsync();
        Assert.True(sent.Counters.Acknowledged > 0);
        Assert.Equal((sent.Counters.Acknowledged, 0, 0), (taken.Counters.Messages, sent.Counters.Unanswered, taken.Counters.ConnectionsLost));
    }
}
