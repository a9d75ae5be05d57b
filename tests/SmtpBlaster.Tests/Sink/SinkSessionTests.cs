using System.Diagnostics;
using SmtpBlaster.Net;
using SmtpBlaster.Sink;
using SmtpBlaster.Tests.Harness;

namespace SmtpBlaster.Tests.Sink;

public sealed class SinkSessionTests
{
    [Fact]
    public async Task Takes_a_message_said_in_one_breath_and_answers_in_order()
    {
        await using var sink = new RunningSink(Blaster.Sink());
        await using RawClient client = await sink.ConnectAsync();
        Assert.StartsWith("220 ", await client.ReplyAsync(), StringComparison.Ordinal);
        await client.SendAsync("EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nA: b\r\n\r\nx\r\n.\r\nNOOP\r\nBOGUS\r\nQUIT\r\nNOOP\r\n");
        foreach (string code in new[] { "250 ", "250 2.1.0", "250 2.1.5", "354 ", "250 2.0.0", "250 2.0.0", "500 ", "221 " })
        {
            Assert.StartsWith(code, await client.ReplyAsync(), StringComparison.Ordinal);
        }

        Assert.Null(await client.LineAsync());
        SinkResult result = await sink.StopAsync();
        Assert.Equal((1, 1, 1), (result.Counters.Messages, result.Counters.Recipients, result.Counters.Unmarked));
    }

    [Fact]
    public async Task Takes_a_message_octet_by_octet()
    {
        await using var sink = new RunningSink(Blaster.Sink());
        await using RawClient client = await sink.ConnectAsync();
        foreach (char octet in "EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nA: b\r\n\r\n..x\r\n.\r\nQUIT\r\n")
        {
            await client.SendAsync(octet.ToString());
        }

        string? last = null;
        while (await client.LineAsync() is { } line)
        {
            last = line;
        }

        Assert.StartsWith("221 ", last, StringComparison.Ordinal);
        Assert.Equal(1, (await sink.StopAsync()).Counters.Messages);
    }

    [Fact]
    public async Task Takes_chunks_and_refuses_one_without_a_recipient()
    {
        await using var sink = new RunningSink(Blaster.Sink());
        await using RawClient client = await sink.ConnectAsync();
        await client.ReplyAsync();
        await client.SendAsync("EHLO x\r\nMAIL FROM:<a@b>\r\nBDAT 4\r\nNOOPRCPT TO:<c@d>\r\nBDAT 6\r\nA: b\r\nBDAT 2\r\n\r\nBDAT 0 LAST\r\n");
        foreach (string code in new[] { "250 ", "250 2.1.0", "503 ", "250 2.1.5", "250 ", "250 ", "250 " })
        {
            Assert.StartsWith(code, await client.ReplyAsync(), StringComparison.Ordinal);
        }

        Assert.Equal(1, (await sink.StopAsync()).Counters.Messages);
    }

    [Theory]
    [InlineData("connect reply=554 5.7.1 no", "554 ")]
    [InlineData("connect drop", null)]
    [InlineData("connect reset", null)]
    public async Task A_rule_for_the_greeting_ends_the_session(string rule, string? greeting)
    {
        await using var sink = new RunningSink(Blaster.Sink(rule));
        await using RawClient client = await sink.ConnectAsync();
        string? line = await client.LineAsync();
        Assert.Equal(greeting, line?[..4]);
        Assert.True(line is null || await client.LineAsync() is null);
    }

    [Theory]
    [InlineData("ehlo reply=502 5.5.1 no", "EHLO x", "502 ")]
    [InlineData("mail reply=451 4.7.1 later", "EHLO x|MAIL FROM:<a@b>", "451 ")]
    [InlineData("rcpt domain=full.test reply=452 4.2.2 full", "EHLO x|MAIL FROM:<a@b>|RCPT TO:<a@FULL.test>", "452 ")]
    [InlineData("rcpt domain=full.test reply=452 4.2.2 full", "EHLO x|MAIL FROM:<a@b>|RCPT TO:<a@other.test>", "250 ")]
    [InlineData("rcpt domain=*.full.test reply=452 4.2.2 full", "EHLO x|MAIL FROM:<a@b>|RCPT TO:<a@x.full.test>", "452 ")]
    [InlineData("rcpt domain=*.full.test reply=452 4.2.2 full", "EHLO x|MAIL FROM:<a@b>|RCPT TO:<a@full.test>", "250 ")]
    [InlineData("data reply=554 5.6.0 no", "EHLO x|MAIL FROM:<a@b>|RCPT TO:<a@b>|DATA", "554 ")]
    [InlineData("end domain=b reply=554 5.6.0 no", "EHLO x|MAIL FROM:<a@b>|RCPT TO:<a@b>|DATA|A: b\r\n\r\n.", "554 ")]
    [InlineData("end domain=c reply=554 5.6.0 no", "EHLO x|MAIL FROM:<a@b>|RCPT TO:<a@b>|DATA|A: b\r\n\r\n.", "250 ")]
    [InlineData("mail drop", "EHLO x|MAIL FROM:<a@b>", null)]
    [InlineData("end reset", "EHLO x|MAIL FROM:<a@b>|RCPT TO:<a@b>|DATA|A: b\r\n\r\n.", null)]
    public async Task A_rule_answers_at_its_stage_and_for_its_domain(string rule, string said, string? answer)
    {
        await using var sink = new RunningSink(Blaster.Sink(rule));
        await using RawClient client = await sink.ConnectAsync();
        string? last = await client.ReplyAsync();
        foreach (string command in said.Split('|'))
        {
            last = await client.AskAsync(command);
        }

        Assert.Equal(answer, last?[..4]);
    }

    [Fact]
    public async Task A_reply_of_421_closes_the_connection()
    {
        await using var sink = new RunningSink(Blaster.Sink("rcpt reply=421 4.3.2 going down"));
        await using RawClient client = await sink.ConnectAsync();
        await client.ReplyAsync();
        await client.AskAsync("EHLO x");
        await client.AskAsync("MAIL FROM:<a@b>");
        Assert.StartsWith("421 ", await client.AskAsync("RCPT TO:<a@b>"), StringComparison.Ordinal);
        Assert.Null(await client.LineAsync());
    }

    [Fact]
    public async Task A_share_is_that_share()
    {
        (_, SinkResult result) = await Blaster.RunAsync(Blaster.Sink("end share=20% reply=451 4.3.0 later"), static o => o with { Count = 2000 });
        Assert.InRange(result.Counters.Messages, 1500, 1700);
    }

    [Fact]
    public async Task A_delay_holds_the_reply_back_and_what_came_behind_it_too()
    {
        await using var sink = new RunningSink(Blaster.Sink("mail delay=300ms"));
        await using RawClient client = await sink.ConnectAsync();
        await client.ReplyAsync();
        long begin = Stopwatch.GetTimestamp();
        await client.SendAsync("EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n");
        foreach (string code in new[] { "250 ", "250 2.1.0", "250 2.1.5" })
        {
            Assert.StartsWith(code, await client.ReplyAsync(), StringComparison.Ordinal);
        }

        Assert.InRange(Stopwatch.GetElapsedTime(begin).TotalMilliseconds, 299, 10_000);
    }

    [Fact]
    public async Task Reads_slowly_when_told_to()
    {
        long begin = Stopwatch.GetTimestamp();
        (_, SinkResult result) = await Blaster.RunAsync(Blaster.Sink("data slow=20KiB"), static o => o with { Count = 1, Sessions = (1, 1) });
        Assert.Equal((1, 0), (result.Counters.Messages, result.Counters.Altered));
        // 4 KiB and the header, the first tenth of a second for nothing.
        Assert.InRange(Stopwatch.GetElapsedTime(begin).TotalMilliseconds, 100, 20_000);
    }

    [Theory]
    [InlineData(1, int.MaxValue)]
    [InlineData(int.MaxValue, 1)]
    public async Task More_connections_than_allowed_are_greeted_with_421(int most, int mostPerAddress)
    {
        await using var sink = new RunningSink(Blaster.Sink() with { MaximumConnections = most, MaximumConnectionsPerAddress = mostPerAddress });
        await using RawClient first = await sink.ConnectAsync();
        Assert.StartsWith("220 ", await first.ReplyAsync(), StringComparison.Ordinal);
        await using RawClient second = await sink.ConnectAsync();
        Assert.StartsWith("421 ", await second.ReplyAsync(), StringComparison.Ordinal);
        Assert.Null(await second.LineAsync());
        await first.AskAsync("QUIT");
        Assert.Null(await first.LineAsync());
        await using RawClient third = await sink.ConnectAsync();
        Assert.StartsWith("220 ", await third.ReplyAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Speaks_lmtp_with_a_reply_for_each_recipient()
    {
        await using var sink = new RunningSink(Blaster.Sink() with { Lmtp = true });
        await using RawClient client = await sink.ConnectAsync();
        await client.ReplyAsync();
        Assert.StartsWith("500 ", await client.AskAsync("EHLO x"), StringComparison.Ordinal);
        Assert.StartsWith("250 ", await client.AskAsync("LHLO x"), StringComparison.Ordinal);
        await client.SendAsync("MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nRCPT TO:<e@d>\r\nDATA\r\nA: b\r\n\r\n.\r\n");
        foreach (string code in new[] { "250 2.1.0", "250 2.1.5", "250 2.1.5", "354 ", "250 2.0.0", "250 2.0.0" })
        {
            Assert.StartsWith(code, await client.ReplyAsync(), StringComparison.Ordinal);
        }

        Assert.Equal((1, 2), ((await sink.StopAsync()).Counters.Messages, 2));
    }

    [Fact]
    public async Task A_silent_session_is_ended_at_its_deadline()
    {
        await using var sink = new RunningSink(Blaster.Sink() with { Timeout = Clock.Second / 5 });
        await using RawClient client = await sink.ConnectAsync();
        await client.ReplyAsync();
        Assert.Null(await client.LineAsync());
    }

    [Fact]
    public async Task Whatever_clients_say_the_sink_goes_on()
    {
        string[] words = ["EHLO x", "MAIL FROM:<a@b>", "RCPT TO:<", "RCPT TO:<u99999999999999999999@d>", "DATA", ".", "BDAT", "BDAT 5", "BDAT -1 LAST", "BDAT 9999999999999999999", "RSET", "\0\u00ff", "STARTTLS", "X", new string('a', 70_000), "\r", "X-Blaster: 0 0 0", "\r\n"];
        var random = new Random(5);
        await using var sink = new RunningSink(Blaster.Sink("rcpt share=20% delay=1ms", "mail share=10% drop", "end share=20% reset"));
        for (int i = 0; i < 200; i++)
        {
            await using RawClient client = await sink.ConnectAsync();
            try
            {
                for (int n = random.Next(1, 12); n > 0; n--)
                {
                    await client.SendAsync(words[random.Next(words.Length)] + (random.Next(5) == 0 ? "\n" : "\r\n"));
                }
            }
            catch (IOException)
            {
                // It has been left in the middle.
            }
        }

        await using RawClient last = await sink.ConnectAsync();
        Assert.StartsWith("220 ", await last.ReplyAsync(), StringComparison.Ordinal);
        Assert.Equal(201, (await sink.StopAsync()).Counters.Connections);
    }

    [Theory]
    [InlineData("", "stage")]
    [InlineData("middle drop", "stage")]
    [InlineData("mail", "does nothing")]
    [InlineData("mail domain=x drop", "no domain is known")]
    [InlineData("mail lose", "for the stage end")]
    [InlineData("rcpt reply=99 x", "not a reply")]
    [InlineData("rcpt reply=250x", "not a reply")]
    [InlineData("rcpt share=120% drop", "not a share")]
    [InlineData("rcpt delay=2 drop", "not a duration")]
    [InlineData("rcpt colour=red", "not part of a rule")]
    [InlineData("rcpt reply", "not part of a rule")]
    [InlineData("rcpt reply=250 a\r\n250 b", "not a reply")]
    [InlineData("rcpt domain=b\u00fccher.test drop", "xn--")]
    public void A_wrong_rule_is_told(string rule, string part) => Assert.Contains(part, SinkRule.Parse(rule, out _), StringComparison.Ordinal);

    [Fact]
    public void An_address_in_use_is_told()
    {
        var first = new SinkRun(Blaster.Sink(), null);
        first.Start();
        var second = new SinkRun(Blaster.Sink() with { Listen = [first.Addresses[0]] }, null);
        Assert.Contains("in use", Assert.Throws<IOException>(second.Start).Message, StringComparison.Ordinal);
    }

    /// <summary>A sink that ends with the test.</summary>
    private sealed class RunningSink : IAsyncDisposable
    {
        private readonly SinkRun _run;
        private bool _stopped;

        public RunningSink(SinkOptions options)
        {
            _run = new SinkRun(options, null);
            _run.Start();
        }

        public Task<RawClient> ConnectAsync() => RawClient.ConnectAsync(_run.Addresses[0]);

        public Task<SinkResult> StopAsync()
        {
            _stopped = true;
            return _run.StopAsync();
        }

        public async ValueTask DisposeAsync()
        {
            if (!_stopped)
            {
                await _run.StopAsync();
            }
        }
    }
}
