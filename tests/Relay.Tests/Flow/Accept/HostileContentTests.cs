using System.Buffers;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Relay.Flow.Accept;
using Relay.Protocol.Dsn;
using Relay.Protocol.Message;
using Relay.Protocol.Smtp;
using Relay.Tests.Support;

namespace Relay.Tests.Flow.Accept;

/// <summary>Messages that were made to trip up whoever reads more of them than a relay has to: they are stored as they are, or refused, at a cost that grows with their length and not faster.</summary>
public partial class HostileContentTests
{
    private static readonly Dictionary<string, string> Contents = new()
    {
        ["no header section"] = "just text\r\nand more\r\n",
        ["no blank line"] = "Subject: x\r\nX-Last: y\r\n",
        ["nothing but a body"] = "\r\nFrom: in@the.body\r\n\r\n",
        ["a From line of mbox"] = "From x Tue Nov 24 08:00:38 2026\r\nSubject: x\r\n\r\ny\r\n",
        ["first line with a space"] = " folded onto nothing\r\nSubject: x\r\n\r\ny\r\n",
        ["first line with a TAB"] = "\tfolded onto nothing\r\nSubject: x\r\n\r\ny\r\n",
        ["nothing at all"] = "",
        ["__proto__"] = "__proto__: x\r\nconstructor: y\r\n: z\r\n:\r\n\u00c0\u0080: w\r\n\r\nbody\r\n",
        ["ten thousand fields"] = Repeat("X-Field: y\r\n", 10_000) + "\r\nbody\r\n",
        ["a field of 1 MiB"] = "Subject: " + Repeat("x", 1 << 20) + "\r\n\r\nbody\r\n",
        ["a folded field of 1 MiB"] = "Subject: x\r\n" + Repeat("\ty\r\n", 1 << 18) + "\r\nbody\r\n",
        ["parts in a thousand parts"] = string.Concat(Enumerable.Range(0, 1000).Select(static i => string.Create(CultureInfo.InvariantCulture, $"Content-Type: multipart/mixed; boundary=b{i}\r\n\r\n--b{i}\r\n"))),
        ["continued parameters"] = "Content-Type: text/plain;\r\n" + string.Concat(Enumerable.Range(0, 10_000).Select(static i => string.Create(CultureInfo.InvariantCulture, $" name*{i}*=%00;\r\n"))) + "\r\nbody\r\n",
        ["spaces"] = "Subject:" + Repeat(" ", 100_000) + "x\r\n\r\nbody\r\n",
        ["nested comments"] = "From: " + Repeat("(", 10_000) + Repeat(")", 10_000) + " a@b.example\r\n\r\nbody\r\n",
        ["encoded words"] = "Subject: " + Repeat("=?utf-8?q?=", 100_000) + "\r\n\r\nbody\r\n",
    };

    public static TheoryData<string> Names => [.. Contents.Keys];

    /// <summary>E9, E15, K11.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public async Task Odd_content_is_stored_and_sent_as_it_is(string name)
    {
        string content = Contents[name];
        await using EngineFixture relay = await StartAsync();
        await SayAsync(relay, content, "250 2.0.0 queued");
        await Eventually.True(() => relay.Server.Mail.Count == 1, "delivery");
        string body = relay.Server.Mail.Single().Body;
        Match trace = OurField().Match(body);
        Assert.True(trace.Success, body[..Math.Min(body.Length, 200)]);
        Assert.Equal(content, body[trace.Length..]);
    }

    /// <summary>E9: Postfix and others take a "From " line off before they count; what is announced, counted and stored is one and the same here.</summary>
    [Fact]
    public async Task A_From_line_of_mbox_counts_to_the_size_as_every_line()
    {
        string content = Contents["a From line of mbox"];
        await using EngineFixture relay = await StartAsync(content.Length - 1);
        await SayAsync(relay, content, "552 5.3.4");
        await using EngineFixture larger = await StartAsync(content.Length);
        await SayAsync(larger, content, "250 2.0.0 queued");
    }

    /// <summary>E15, J5.</summary>
    [Fact]
    public async Task A_hundred_thousand_Received_fields_are_a_loop()
    {
        await using EngineFixture relay = await StartAsync();
        await SayAsync(relay, Repeat("Received: x\r\n", 100_000) + "\r\nbody\r\n", "554 5.4.6");
    }

    /// <summary>E15, K11: what looks at every octet of a message. Sixteen times as many octets cost sixteen times as much, not two hundred and fifty-six times.</summary>
    [Theory]
    [InlineData("X-Field: y\r\n")]
    [InlineData("Received: x\r\n")]
    [InlineData("received")]
    [InlineData(" ")]
    [InlineData("\r\n.")]
    [InlineData("\r")]
    [InlineData("(")]
    [InlineData("=?utf-8?q?=")]
    public void Reading_a_message_costs_as_much_as_it_is_long(string piece)
    {
        byte[] small = Encoding.Latin1.GetBytes(Repeat(piece, 64 * 1024 / piece.Length));
        byte[] large = Encoding.Latin1.GetBytes(Repeat(piece, 16 * 64 * 1024 / piece.Length));
        var output = new ArrayBufferWriter<byte>(large.Length + 16);
        TimeSpan one = Fastest(() => ReadAll(small, output));
        TimeSpan sixteen = Fastest(() => ReadAll(large, output));
        Assert.True(sixteen < one * 80, $"{one.TotalMicroseconds} µs became {sixteen.TotalMicroseconds} µs");
    }

    /// <summary>K12: four thousand addresses on whose hash a client could agree with itself beforehand ("Aa" and "BB" are one to many functions) cost no more than any others.</summary>
    [Fact]
    public void Recipients_that_were_made_to_collide_cost_no_more_than_others()
    {
        byte[][] colliding = [.. Enumerable.Range(0, 4096).Select(static i => Address(string.Concat(Enumerable.Range(0, 12).Select(bit => (i >> bit & 1) == 0 ? "Aa" : "BB"))))];
        byte[][] others = [.. Enumerable.Range(0, 4096).Select(static i => Address(string.Create(CultureInfo.InvariantCulture, $"user-with-number-{i:0000000}")))];
        TimeSpan usual = Fastest(() => AddAll(others));
        TimeSpan flood = Fastest(() => AddAll(colliding));
        Assert.True(flood < usual * 5, $"{usual.TotalMicroseconds} µs became {flood.TotalMicroseconds} µs");

        static byte[] Address(string local) => Encoding.ASCII.GetBytes(local + "@dest.example");
    }

    /// <summary>K11: no expression that backtracks can be fed by a peer where there are no expressions.</summary>
    [Fact]
    public void Nothing_between_a_peer_and_the_spool_is_a_regular_expression()
    {
        Assert.DoesNotContain(typeof(CommandParser).Assembly.GetReferencedAssemblies(), static a => a.Name == "System.Text.RegularExpressions");
        // Of the engine, the rules for servers' answers alone: patterns of the operator's, on a line of a thousand characters, in time that grows with it and no more.
        string engine = Path.Combine(SourceTree.Root, "src", "Relay");
        string only = Assert.Single(Directory.GetFiles(engine, "*.cs", SearchOption.AllDirectories), static f => !f.Contains("/obj/", StringComparison.Ordinal) && File.ReadAllText(f).Contains("RegularExpressions", StringComparison.Ordinal));
        Assert.Equal(Path.Combine("Flow", "Settle", "ClassRule.cs"), Path.GetRelativePath(engine, only));
        Assert.Contains("RegexOptions.NonBacktracking", File.ReadAllText(only), StringComparison.Ordinal);
    }

    private static void ReadAll(byte[] text, ArrayBufferWriter<byte> output)
    {
        output.ResetWrittenCount();
        var header = new HeaderScan(stuffed: true);
        header.Scan(text);
        ChunkScanner chunk = default;
        chunk.Scan(text);
        DataDecoder decoder = default;
        decoder.Decode(new ReadOnlySequence<byte>(text), output, out _);
        output.ResetWrittenCount();
        StatusReport.WriteOriginalHeader(output, text);
    }

    private static void AddAll(byte[][] addresses)
    {
        var envelope = new EnvelopeBuilder();
        envelope.Begin("a@source.example"u8, BodyType.Unspecified, EnvelopeFlags.None);
        foreach (byte[] address in addresses)
        {
            envelope.TryAdd(address);
        }

        Assert.Equal(addresses.Length, envelope.RecipientCount);
    }

    /// <summary>The best of several runs: the others were kept waiting by something else.</summary>
    private static TimeSpan Fastest(Action run)
    {
        TimeSpan best = TimeSpan.MaxValue;
        for (int i = 0; i < 7; i++)
        {
            long start = Stopwatch.GetTimestamp();
            run();
            TimeSpan took = Stopwatch.GetElapsedTime(start);
            best = took < best ? took : best;
        }

        return best;
    }

    private static string Repeat(string text, int times) => new StringBuilder(text.Length * times).Insert(0, text, times).ToString();

    private static async Task SayAsync(EngineFixture relay, string content, string reply)
    {
        await using TestClient client = relay.Connect();
        await client.ExpectAsync("220");
        await client.SayAsync("EHLO client.example", "250");
        await client.SayAsync("MAIL FROM:<a@source.example>", "250");
        await client.SayAsync("RCPT TO:<u@dest.example>", "250");
        await client.SayAsync("DATA", "354");
        await client.WriteAsync(content);
        await client.SayAsync(".", reply);
        await client.SayAsync("NOOP", "250");
    }

    private static Task<EngineFixture> StartAsync(long? messageSize = null)
    {
        var relay = new EngineFixture();
        relay.Options = relay.Options with { Limits = new LimitOptions { MessageSize = messageSize ?? new LimitOptions().MessageSize } };
        relay.Server.Extensions = ["PIPELINING", "8BITMIME", "SIZE 0"];
        relay.Dns.Mx("dest.example", (10, "mx.dest.example")).Host("mx.dest.example", "192.0.2.1");
        return relay.StartAsync();
    }

    /// <summary>The trace field that the relay puts before everything else.</summary>
    [GeneratedRegex(@"\AReceived: from [^\r\n]+\r\n\tby [^\r\n]+\r\n\tfor <u@dest.example>; [^\r\n]+\r\n", RegexOptions.NonBacktracking)]
    private static partial Regex OurField();
}
