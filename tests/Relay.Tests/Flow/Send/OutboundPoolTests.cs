using System.IO.Pipelines;
using System.Net;
using System.Text;
using Microsoft.Extensions.Time.Testing;
using Relay.Concurrency;
using Relay.Flow;
using Relay.Flow.Send;
using Relay.Telemetry;
using Relay.Tests.Support;

namespace Relay.Tests.Flow.Send;

/// <summary>Who may use a connection again, and that each of them ends exactly once.</summary>
public sealed class OutboundPoolTests : IAsyncDisposable
{
    private static readonly EgressSource Source = new("a", IPAddress.Parse("192.0.2.10"), null, null);

    private static readonly ConnectionKey Key = new(new IPEndPoint(IPAddress.Parse("192.0.2.1"), 25), "mx.dest.example", NextHopScheme.Smtp, new TlsPolicy(OutboundTls.Required), Source, new HopCredentials("u", "p"));

    private readonly FakeTimeProvider _time = new();
    private readonly RelayMetrics _metrics = new();
    private readonly ScriptedDialer _dialer = new();
    private readonly Heartbeat _heartbeat;
    private readonly OutboundPool _pool;

    public OutboundPoolTests()
    {
        _heartbeat = new Heartbeat(_time);
        _pool = new OutboundPool(_heartbeat, _time, _metrics);
    }

    /// <summary>One for each part of the key, in which it alone differs.</summary>
    public static TheoryData<string> Parts => ["address", "port", "host", "scheme", "tls", "source address", "source name", "no source", "user", "password", "no credentials", "unix"];

    [Theory]
    [MemberData(nameof(Parts))]
    public async Task Deliveries_that_differ_in_any_part_of_the_key_never_share_a_connection(string part)
    {
        ConnectionKey other = part switch
        {
            "address" => Key with { EndPoint = new IPEndPoint(IPAddress.Parse("192.0.2.2"), 25) },
            "port" => Key with { EndPoint = new IPEndPoint(IPAddress.Parse("192.0.2.1"), 26) },
            "host" => Key with { Host = "mx2.dest.example" },
            "scheme" => Key with { Scheme = NextHopScheme.Smtps },
            "tls" => Key with { Tls = new TlsPolicy(OutboundTls.Verified) },
            "source address" => Key with { Source = Source with { Ipv4 = IPAddress.Parse("192.0.2.11") } },
            "source name" => Key with { Source = Source with { Hostname = "other.example" } },
            "no source" => Key with { Source = null },
            "user" => Key with { Credentials = new HopCredentials("v", "p") },
            "password" => Key with { Credentials = new HopCredentials("u", "q") },
            "no credentials" => Key with { Credentials = null },
            _ => Key with { EndPoint = new System.Net.Sockets.UnixDomainSocketEndPoint("/run/lmtp") },
        };
        await _pool.ReturnAsync(await OpenAsync(Key));
        Assert.Null(await _pool.TakeAsync(other));
        Assert.Null(await _pool.TakeAsync([other]));
        OutboundConnection? same = await _pool.TakeAsync([other, Key with { Source = Source with { }, Credentials = new HopCredentials("u", "p") }]);
        Assert.NotNull(same);
        await CloseAsync(same);
    }

    [Fact]
    public void A_key_as_text_shows_no_password() =>
        Assert.DoesNotContain("hunter2", (Key with { Credentials = new HopCredentials("u", "hunter2") }).ToString(), StringComparison.Ordinal);

    [Fact]
    public async Task A_connection_is_handed_out_to_one_user_at_a_time()
    {
        await _pool.ReturnAsync(await OpenAsync(Key));
        OutboundConnection?[] taken = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(async () => await _pool.TakeAsync(Key))));
        OutboundConnection only = Assert.Single(taken, static c => c is not null)!;
        await CloseAsync(only);
    }

    [Theory]
    [InlineData("")]
    [InlineData("421 4.4.2 idle too long\r\n")]
    public async Task A_connection_whose_server_closes_or_speaks_while_it_is_idle_is_closed_at_once(string word)
    {
        await _pool.ReturnAsync(await OpenAsync(Key));
        Assert.True(_dialer.Opened.TryPeek(out DuplexPipes? pipes));
        if (word.Length > 0)
        {
            await pipes.Server.Output.WriteAsync(Encoding.ASCII.GetBytes(word));
        }
        else
        {
            await pipes.Server.Output.CompleteAsync();
        }

        await Eventually.True(() => _dialer.Open == 0, "the end of the connection");
        Assert.Null(await _pool.TakeAsync(Key));
    }

    [Fact]
    public async Task A_connection_says_QUIT_when_it_has_been_idle_for_its_time()
    {
        await _pool.ReturnAsync(await OpenAsync(Key));
        Assert.True(_dialer.Opened.TryPeek(out DuplexPipes? pipes));
        using var reader = new StreamReader(pipes.Server.Input.AsStream());
        _time.Advance(TimeSpan.FromSeconds(9));
        Assert.Equal(1, _dialer.Open);
        _time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal("QUIT", await reader.ReadLineAsync());
        await pipes.Server.Output.CompleteAsync();
        await Eventually.True(() => _dialer.Open == 0, "the end of the connection");
    }

    [Fact]
    public async Task A_server_that_never_answers_QUIT_holds_a_connection_no_longer_than_the_farewell_may_take()
    {
        await _pool.ReturnAsync(await OpenAsync(Key));
        Task disposed = _pool.DisposeAsync().AsTask();
        await Eventually.True(
            () =>
            {
                _time.Advance(TimeSpan.FromMilliseconds(100));
                return disposed.IsCompleted;
            }, "the end of the pool");
        Assert.Equal(0, _dialer.Open);
    }

    [Fact]
    public async Task Only_so_many_connections_to_one_place_are_kept()
    {
        var more = new List<Task>();
        for (int i = 0; i < 60; i++)
        {
            OutboundConnection connection = await OpenAsync(Key);
            Answer221();
            more.Add(_pool.ReturnAsync(connection).AsTask());
        }

        await Task.WhenAll(more);
        Assert.Equal(50, _dialer.Open);
    }

    [Fact]
    public async Task Whatever_happens_every_connection_is_closed_and_none_is_in_two_hands()
    {
        int rounds = Environment.GetEnvironmentVariable("RELAY_LONG") == "1" ? 20_000 : 500;
        ConnectionKey[] keys = [Key, Key with { Host = "b" }, Key with { Host = "c" }];
        var hands = new System.Collections.Concurrent.ConcurrentDictionary<OutboundConnection, int>();
        int running = 8;
        Task[] users = [.. Enumerable.Range(0, 8).Select(user => Task.Run(async () =>
        {
            var random = new Random(user);
            for (int i = 0; i < rounds; i++)
            {
                ConnectionKey key = keys[random.Next(keys.Length)];
                OutboundConnection connection = await _pool.TakeAsync(key) ?? await OpenAsync(key);
                Assert.Equal(key, connection.Key);
                Assert.True(hands.TryAdd(connection, user), "a connection is in two hands");
                if (random.Next(4) == 0)
                {
                    connection.Break();
                }

                Assert.True(hands.TryRemove(connection, out _));
                await _pool.ReturnAsync(connection);
                if (random.Next(3) == 0 && _dialer.Opened.TryDequeue(out DuplexPipes? pipes))
                {
                    // Some server, perhaps of this very connection, goes away.
                    await pipes.Server.Output.CompleteAsync();
                }
            }

            Interlocked.Decrement(ref running);
        }))];
        await Eventually.True(
            () =>
            {
                _time.Advance(TimeSpan.FromMilliseconds(100));
                return Volatile.Read(ref running) == 0 || users.Any(static u => u.IsFaulted);
            }, "the end of the users");
        await Task.WhenAll(users);
        Task disposed = _pool.DisposeAsync().AsTask();
        await Eventually.True(
            () =>
            {
                _time.Advance(TimeSpan.FromMilliseconds(100));
                return disposed.IsCompleted && _dialer.Open == 0;
            }, "the end of all connections");
    }

    public async ValueTask DisposeAsync()
    {
        while (_dialer.Opened.TryDequeue(out DuplexPipes? pipes))
        {
            await pipes.Server.Output.CompleteAsync();
        }

        await _pool.DisposeAsync();
        _heartbeat.Dispose();
        _metrics.Dispose();
    }

    private async ValueTask<OutboundConnection> OpenAsync(ConnectionKey key) =>
        new(key, await _dialer.DialAsync(key.EndPoint, null, CancellationToken.None), _heartbeat, _time.GetTimestamp());

    /// <summary>The server of the connection opened last says good-bye before it is asked; it counts only for one that is not kept.</summary>
    private void Answer221()
    {
        DuplexPipes pipes = _dialer.Opened.Last();
        _ = Task.Run(async () =>
        {
            ReadResult read = await pipes.Server.Input.ReadAsync();
            pipes.Server.Input.AdvanceTo(read.Buffer.End);
            await pipes.Server.Output.WriteAsync("221 2.0.0 bye\r\n"u8.ToArray());
        });
    }

    private async Task CloseAsync(OutboundConnection connection)
    {
        connection.Break();
        await _pool.ReturnAsync(connection);
        Assert.Equal(0, _dialer.Open);
    }
}
