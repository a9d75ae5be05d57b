using System.Diagnostics.Metrics;
using Relay.Concurrency;
using Relay.Flow.Accept;
using Relay.Tests.Support;

namespace Relay.Tests.Flow.Accept;

/// <summary>What handshakes have to wait for, and what doesn't keep them waiting.</summary>
public sealed class HandshakeTurnTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    [Theory]
    [InlineData(ListenerTls.StartTls)]
    [InlineData(ListenerTls.Implicit)]
    public async Task Clients_that_begin_a_handshake_and_say_no_more_keep_nobody_waiting(ListenerTls tls)
    {
        // One turn, and the clock stands still: a client that kept it would be noticed.
        Turns? turns = null;
        await using EngineFixture relay = await StartAsync(tls, time => turns = new Turns(1, 1000, Patience, time));
        var silent = new List<TestClient>();
        for (int i = 0; i < 20; i++)
        {
            TestClient client = relay.Connect();
            silent.Add(client);
            if (tls == ListenerTls.StartTls)
            {
                await client.ExpectAsync("220");
                await client.SayAsync("EHLO client.example", "250");
                await client.SayAsync("STARTTLS", "220");
            }

            // Nothing, the first octets of a record, or all of it but the end.
            await client.WriteAsync("\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001"[..(i % 9)]);
        }

        await Eventually.True(() => !turns!.IsBusy, "no client has a turn");
        await using TestClient last = tls == ListenerTls.StartTls ? await relay.ConnectTlsAsync() : await ConnectImplicitAsync(relay);
        await last.SayAsync("QUIT", "221");
        foreach (TestClient client in silent)
        {
            await client.DisposeAsync();
        }
    }

    [Fact]
    public async Task STARTTLS_is_told_when_there_are_too_many_handshakes_and_the_session_goes_on()
    {
        int refused = 0;
        using MeterListener listener = Listen(() => Interlocked.Increment(ref refused));
        Turns? turns = null;
        await using EngineFixture relay = await StartAsync(ListenerTls.StartTls, time => turns = new Turns(1, 1, Patience, time));
        Assert.True(await turns!.TryTakeAsync(isExpected: false, CancellationToken.None));
        await using TestClient waits = relay.Connect();
        await waits.ExpectAsync("220");
        await waits.SayAsync("EHLO client.example", "250");
        Task<string> late = waits.SayAsync("STARTTLS", "454 4.7.0 too many TLS handshakes are under way, try again later");
        await Eventually.True(() => turns.Waiting == 1, "the client waits");

        // The room is full.
        await using TestClient second = relay.Connect();
        await second.ExpectAsync("220");
        await second.SayAsync("EHLO client.example", "250");
        await second.SayAsync("STARTTLS", "454 4.7.0 too many TLS handshakes are under way, try again later");
        await second.SayAsync("MAIL FROM:<a@b.example>", "250");

        await relay.TakesAsync(late, Patience - TimeSpan.FromSeconds(1), Patience + TimeSpan.FromSeconds(1), "the refusal");
        Assert.Equal(2, Volatile.Read(ref refused));
        turns.End();
        await waits.SayAsync("STARTTLS", "220");
        await waits.StartTlsAsync();
        await waits.SayAsync("EHLO client.example", "250");
    }

    [Fact]
    public async Task Implicit_TLS_is_closed_when_there_are_too_many_handshakes()
    {
        int refused = 0;
        using MeterListener listener = Listen(() => Interlocked.Increment(ref refused));
        Turns? turns = null;
        await using EngineFixture relay = await StartAsync(ListenerTls.Implicit, time => turns = new Turns(1, 1, Patience, time));
        Assert.True(await turns!.TryTakeAsync(isExpected: false, CancellationToken.None));
        await using TestClient waits = relay.Connect();
        await Eventually.True(() => turns.Waiting == 1, "the client waits");
        await using TestClient second = relay.Connect();
        await second.ExpectCloseAsync();
        Task late = waits.ExpectCloseAsync();
        await relay.TakesAsync(late, Patience - TimeSpan.FromSeconds(1), Patience + TimeSpan.FromSeconds(1), "the close");
        Assert.Equal(2, Volatile.Read(ref refused));
        turns.End();
        await using TestClient third = await ConnectImplicitAsync(relay);
        await third.SayAsync("QUIT", "221");
    }

    [Fact]
    public async Task A_handshake_that_fails_leaves_its_turn()
    {
        Turns? turns = null;
        await using EngineFixture relay = await StartAsync(ListenerTls.Implicit, time => turns = new Turns(1, 1000, Patience, time));
        await using TestClient client = relay.Connect();
        await client.WriteAsync("EHLO client.example\r\n");
        await client.Session.WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
        Assert.False(turns!.IsBusy);
    }

    /// <summary>Its steps wait each for a turn, for which there is room in any case.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_handshake_that_has_begun_waits_for_its_turn_and_not_for_ever(bool comes)
    {
        Turns? turns = null;
        await using EngineFixture relay = await StartAsync(ListenerTls.StartTls, time => turns = new Turns(1, 0, Patience, time));
        await using TestClient client = relay.Connect();
        await client.ExpectAsync("220");
        await client.SayAsync("EHLO client.example", "250");
        await client.SayAsync("STARTTLS", "220");
        Assert.True(await turns!.TryTakeAsync(isExpected: false, CancellationToken.None));
        Task handshake = client.StartTlsAsync();
        await Eventually.True(() => turns.Waiting == 1, "the handshake waits");
        if (comes)
        {
            turns.End();
            await handshake;
            await client.SayAsync("EHLO client.example", "250");
        }
        else
        {
            await relay.PassTimeUntil(() => handshake.IsCompleted, "the end");
            await Assert.ThrowsAnyAsync<IOException>(() => handshake);
            await client.Session;
        }

        if (comes)
        {
            await Eventually.True(() => !turns.IsBusy, "the handshake has left its turn");
        }
    }

    private static async Task<TestClient> ConnectImplicitAsync(EngineFixture relay)
    {
        TestClient client = relay.Connect();
        await client.StartTlsAsync();
        await client.ExpectAsync("220");
        return client;
    }

    private static Task<EngineFixture> StartAsync(ListenerTls tls, Func<TimeProvider, Turns> turns)
    {
        var relay = new EngineFixture();
        relay.Handshakes = turns(relay.Time);
        relay.Listener = relay.Listener with { Tls = tls };
        return relay.StartAsync();
    }

    /// <summary>For each refusal with the label of this one, of any relay: there are none but in this class, whose tests come one after the other.</summary>
    private static MeterListener Listen(Action refused)
    {
        var listener = new MeterListener
        {
            InstrumentPublished = static (instrument, self) =>
            {
                if (instrument.Name == "relay.abuse.refused")
                {
                    self.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<long>((_, _, tags, _) =>
        {
            if (tags.ToArray().Any(static t => t is { Key: "reason", Value: "tls_busy" }))
            {
                refused();
            }
        });
        listener.Start();
        return listener;
    }
}
