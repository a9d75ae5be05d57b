using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Relay.EndToEnd.Tests.Harness;

namespace Relay.EndToEnd.Tests;

/// <summary>Clients that send without an end, read nothing or come too many: each is answered or closed as documented, the relay's memory stays where it was, and the others are served.</summary>
[Collection<Alone>]
public sealed class AbuseTests
{
    private const long MiB = 1024 * 1024;

    /// <summary>What the pipes, the socket buffers of both sides and a garbage collector that has no reason to collect may add.</summary>
    private const long Slack = 64 * MiB;

    private static readonly RelaySettings Small = new() { Limits = "message_size = \"1MiB\"\nconnections_per_address = 1000" };

    [Theory]
    [InlineData("B4", "A")]
    [InlineData("B5", "A\r")]
    public async Task An_endless_command_line_is_closed_early(string name, string unit)
    {
        await using RelayProcess relay = await RelayProcess.StartAsync(Small);
        long before = await WarmAsync(relay);

        (string reply, long sent) = await PourAsync(relay, "", unit, 50 * MiB);

        Assert.Matches("^(5|421)", reply);
        Assert.True(sent < 16 * MiB, $"{name}: {sent} octets went before the close");
        await UnharmedAsync(relay, before, $"{name}: closed after {sent} octets of the line left the client");
    }

    [Theory]
    [InlineData("E11", "DATA", "an endless line of text\r\n")]
    [InlineData("E11", "DATA", "a line without an end ")]
    [InlineData("E15", "DATA", "X-Endless: field\r\n")]
    [InlineData("E15", "DATA", "Received: from a by b; date\r\n")]
    [InlineData("E15", "DATA", "Subject: x\r\n =?utf-8?q?x?=\r\n")]
    public async Task An_endless_message_is_closed_at_ten_times_the_limit(string name, string verb, string unit)
    {
        await using RelayProcess relay = await RelayProcess.StartAsync(Small);
        long before = await WarmAsync(relay);

        (string reply, long sent) = await PourAsync(relay, $"EHLO client.test\r\nMAIL FROM:<a@from.test>\r\nRCPT TO:<b@to.test>\r\n{verb}\r\n", unit, 200 * MiB);

        Assert.Matches("^(421|552|554)", reply);
        Assert.True(sent < 40 * MiB, $"{name}: {sent} octets went before the close");
        Assert.True(SpoolSize(relay) < 400 * MiB, $"the spool has {SpoolSize(relay)} octets");
        await UnharmedAsync(relay, before, $"{name}: {reply[..3]} after {sent / MiB} MiB of \"{unit.TrimEnd()}\" left the client");
    }

    [Fact]
    public async Task An_endless_chunk_takes_no_memory_and_is_closed()
    {
        await using RelayProcess relay = await RelayProcess.StartAsync(Small);
        long before = await WarmAsync(relay);

        (string reply, long sent) = await PourAsync(relay, "EHLO client.test\r\nMAIL FROM:<a@from.test>\r\nRCPT TO:<b@to.test>\r\nBDAT 4294967296 LAST\r\n", "octets ", 200 * MiB);

        Assert.Matches("^(421|501|552)", reply);
        await UnharmedAsync(relay, before, $"F12: {reply[..3]} to a chunk of 4 GiB, {sent / MiB} MiB of which left the client");
    }

    [Fact]
    public async Task A_client_that_floods_with_NOOP_and_reads_nothing_is_held_back()
    {
        await using RelayProcess relay = await RelayProcess.StartAsync(Small);
        long before = await WarmAsync(relay);
        using var flood = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await flood.ConnectAsync(relay.Listener, TestContext.Current.CancellationToken);
        byte[] noops = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("NOOP\r\n", 10_000)));
        long sent = 0;
        using var stop = new CancellationTokenSource();
        Task flooding = Task.Run(async () =>
        {
            try
            {
                while (true)
                {
                    sent += await flood.SendAsync(noops, stop.Token);
                }
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException)
            {
                // Closed by the relay, or the end of the test.
            }
        }, CancellationToken.None);

        await UnharmedAsync(relay, before, "D7: a client that sends NOOP and reads nothing");

        long held = Volatile.Read(ref sent);
        Figure.Report($"D7: {held / 6} NOOPs left a client that reads nothing");
        Assert.True(held < 64 * MiB, $"{held} octets were taken");
        await stop.CancelAsync();
        await flooding;
    }

    [Fact]
    public async Task Connections_beyond_the_limits_get_421_and_the_others_go_on()
    {
        await using RelayProcess relay = await RelayProcess.StartAsync(new RelaySettings { Limits = "connections = 30\nconnections_per_address = 20" });
        var served = new List<RawClient>();
        try
        {
            for (int i = 0; i < 20; i++)
            {
                served.Add(await RawClient.ConnectAsync(relay.Listener, "127.0.2.1"));
            }

            Assert.StartsWith("421 4.7.0 ", await GreetingAsync(relay.Listener, "127.0.2.1"), StringComparison.Ordinal);
            for (int i = 0; i < 10; i++)
            {
                served.Add(await RawClient.ConnectAsync(relay.Listener, "127.0.2.2"));
            }

            Assert.StartsWith("421 4.7.0 ", await GreetingAsync(relay.Listener, "127.0.2.3"), StringComparison.Ordinal);
            foreach (RawClient client in served)
            {
                Assert.StartsWith("250 ", await client.CommandAsync("NOOP"), StringComparison.Ordinal);
            }

            served[0].Dispose();
            served.RemoveAt(0);
            await Eventually.True(() => relay.Errors.Count >= 0 && Greets(relay.Listener, "127.0.2.1"), "a place after one was given up");
        }
        finally
        {
            served.ForEach(static client => client.Dispose());
        }
    }

    [Fact]
    public async Task Slow_clients_are_ended_by_the_total_time_and_the_others_go_on()
    {
        await using RelayProcess relay = await RelayProcess.StartAsync(new RelaySettings { Limits = "command_timeout = \"2s\"\ndata_timeout = \"2s\"" });
        long before = await WarmAsync(relay);
        string[] openings = ["", "EHLO client.test\r\n", "EHLO client.test\r\nMAIL FROM:<a@from.test>\r\nRCPT TO:<b@to.test>\r\n"];
        long start = Stopwatch.GetTimestamp();

        string[] ends = await Task.WhenAll(Enumerable.Range(0, 60).Select(i => TrickleAsync(relay.Listener, openings[i % openings.Length])));

        TimeSpan took = Stopwatch.GetElapsedTime(start);
        Assert.All(ends, static end => Assert.StartsWith("421 4.4.2", end, StringComparison.Ordinal));
        await UnharmedAsync(relay, before, string.Create(CultureInfo.InvariantCulture, $"K2: 60 clients with an octet each 200 ms were ended with 421 4.4.2, the last after {took.TotalSeconds:0.0} s"));
    }

    /// <summary>Memory after the first messages, when code and pools are there.</summary>
    private static async Task<long> WarmAsync(RelayProcess relay)
    {
        using RawClient client = await RawClient.ConnectAsync(relay.Listener);
        await client.HelloAsync();
        for (int i = 0; i < 3; i++)
        {
            await client.SendMessageAsync("a@from.test", "b@to.test", TestMessage.Create(new Random(i), 900_000).Content);
        }

        return relay.PeakMemory;
    }

    private static async Task UnharmedAsync(RelayProcess relay, long before, string what)
    {
        long start = Stopwatch.GetTimestamp();
        using RawClient client = await RawClient.ConnectAsync(relay.Listener);
        await client.HelloAsync();
        Assert.StartsWith("250 2.0.0 queued as ", await client.SendMessageAsync("a@from.test", "b@to.test", TestMessage.Create(new Random(5), 4000).Content), StringComparison.Ordinal);
        TimeSpan took = Stopwatch.GetElapsedTime(start);
        long grown = relay.PeakMemory - before;
        Figure.Report(string.Create(CultureInfo.InvariantCulture, $"{what}; the relay's peak grew by {grown / MiB} MiB, another client's message took {took.TotalMilliseconds:0} ms"));
        Assert.True(grown < Slack, $"memory grew by {grown} octets");
        Assert.True(took < TimeSpan.FromSeconds(10), "another client waited");
    }

    private static long SpoolSize(RelayProcess relay) => new DirectoryInfo(Path.Combine(relay.Folder, "spool")).EnumerateFiles("*", SearchOption.AllDirectories).Sum(static file => file.Length);

    /// <summary>Sends the opening, then the unit over and over until the relay closes or so many octets have gone. Gives the last reply and how many those were.</summary>
    private static async Task<(string Reply, long Sent)> PourAsync(RelayProcess relay, string opening, string unit, long most)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(relay.Listener, TestContext.Current.CancellationToken);
        NetworkStream stream = client.GetStream();
        Task<string> replies = ReadAllAsync(stream);
        byte[] block = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat(unit, 65536 / unit.Length)));
        long sent = 0;
        try
        {
            // Commands one flight, the content once they have been taken: what follows DATA in the same flight is legal only behind its 354, but nobody waits for it here.
            await stream.WriteAsync(Encoding.ASCII.GetBytes(opening), TestContext.Current.CancellationToken);
            while (sent < most && !replies.IsCompleted)
            {
                await stream.WriteAsync(block, TestContext.Current.CancellationToken);
                sent += block.Length;
            }
        }
        catch (IOException)
        {
            // Closed by the relay: what it said before is in the replies.
        }

        string all = await replies.WaitAsync(Eventually.Soon, TestContext.Current.CancellationToken);
        return (all.TrimEnd().Split('\n')[^1].TrimEnd(), sent);
    }

    private static async Task<string> ReadAllAsync(NetworkStream stream)
    {
        var all = new StringBuilder();
        byte[] buffer = new byte[4096];
        try
        {
            for (int read; (read = await stream.ReadAsync(buffer)) > 0;)
            {
                all.Append(Encoding.Latin1.GetString(buffer, 0, read));
            }
        }
        catch (IOException)
        {
            // A reset: what came before it counts.
        }

        return all.ToString();
    }

    private static async Task<string> GreetingAsync(IPEndPoint server, string from)
    {
        using var client = new TcpClient(new IPEndPoint(IPAddress.Parse(from), 0));
        await client.ConnectAsync(server, TestContext.Current.CancellationToken);
        return await ReadAllAsync(client.GetStream()).WaitAsync(Eventually.Soon, TestContext.Current.CancellationToken);
    }

    private static bool Greets(IPEndPoint server, string from)
    {
        using var client = new TcpClient(new IPEndPoint(IPAddress.Parse(from), 0));
        client.Connect(server);
        byte[] greeting = new byte[4];
        client.GetStream().ReadExactly(greeting);
        return greeting.AsSpan().SequenceEqual("220 "u8);
    }

    /// <summary>One octet of a line every 200 ms, for ever. Gives the last reply before the close.</summary>
    private static async Task<string> TrickleAsync(IPEndPoint server, string opening)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(server, TestContext.Current.CancellationToken);
        NetworkStream stream = client.GetStream();
        Task<string> replies = ReadAllAsync(stream);
        await stream.WriteAsync(Encoding.ASCII.GetBytes(opening), TestContext.Current.CancellationToken);
        try
        {
            using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(200), TimeProvider.System);
            for (int i = 0; !replies.IsCompleted && i < 300; i++)
            {
                await stream.WriteAsync("N"u8.ToArray(), TestContext.Current.CancellationToken);
                await timer.WaitForNextTickAsync(TestContext.Current.CancellationToken);
            }
        }
        catch (IOException)
        {
            // Closed by the relay.
        }

        Assert.True(replies.IsCompleted, "a client that never ends its line was still served after a minute");
        return (await replies).TrimEnd().Split('\n')[^1];
    }
}
