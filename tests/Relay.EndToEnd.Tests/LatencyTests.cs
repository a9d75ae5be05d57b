using System.Globalization;
using Relay.EndToEnd.Tests.Harness;

namespace Relay.EndToEnd.Tests;

/// <summary>
/// One connection over a long way, to a Postfix that takes and drops everything: how many messages go in a round trip. The short form counts round trips, which no slow machine changes; the long form measures rates,
/// beside Postfix's own over the same way.
/// </summary>
[Collection<Alone>]
public sealed class LatencyTests
{
    private const int Length = 4096;

    /// <summary>The default of [delivery] pipeline_depth.</summary>
    private const int Depth = 8;

    [Fact]
    public async Task By_BDAT_as_many_messages_as_the_depth_says_go_in_a_round_trip()
    {
        const int Messages = 200;
        Run run = await RelayAsync(roundTrip: 20, Messages, chunking: true);
        Figure.Report($"{Messages} messages by BDAT in {run.RoundTrips} round trips");
        // The first message waits for its replies, and the window behind it isn't full at once.
        Assert.InRange(run.RoundTrips, Messages / Depth, (Messages / Depth) + 10);
    }

    [Fact]
    public async Task By_DATA_a_message_goes_in_a_round_trip()
    {
        const int Messages = 100;
        Run run = await RelayAsync(roundTrip: 20, Messages, chunking: false);
        Figure.Report($"{Messages} messages by DATA in {run.Flights} round trips");
        Assert.InRange(run.Flights, Messages, Messages + 20);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task NET5_over_a_long_way_that_gives_octet_by_octet_and_stalls_nothing_goes_wrong(bool chunking)
    {
        int port = FreePort.On("127.0.0.1");
        const int Messages = 20;
        int roundTrip = LongForm.Wanted ? 2000 : 300;
        await using PostfixInstance receiver = await PostfixInstance.StartAsync("127.0.0.1", port, Dropping + (chunking ? "" : "\nsmtpd_discard_ehlo_keywords = chunking"));
        await using DelayProxy proxy = DelayProxy.Start("127.0.0.1", port, TimeSpan.FromMilliseconds(roundTrip), byOctets: true);
        await using RelayProcess relay = await RelayProcess.StartAsync(RelaySettings.SmartHost("127.0.0.1", proxy.Port) with { Delivery = "connections = 1" });
        await SmtpSource.SendAsync("127.0.0.1", relay.Port, Messages, 10, 1000, $"box@{PostfixInstance.Domain}");
        proxy.Open();
        await Eventually.Value(() => proxy.Messages >= Messages ? "all" : null, () => $"{Messages} messages at the receiver; there are {proxy.Messages}\n{receiver.Log}", TimeSpan.FromMinutes(5));
        Assert.Equal(0, await relay.StopAsync());
        Figure.Report(string.Create(CultureInfo.InvariantCulture, $"NET5, {roundTrip} ms of round trip, octet by octet, {(chunking ? "BDAT" : "DATA")}: {Messages} messages in {proxy.Flights} flights and {proxy.Elapsed.TotalSeconds:0.0} s from the first to the last"));
        Assert.Equal(Messages, proxy.Messages);
        Assert.Equal(Messages, relay.Deliveries.Read().Count(static r => r.Event == "delivered"));
        Assert.DoesNotContain(relay.Deliveries.Read(), static r => r.Event is not ("received" or "delivered"));
    }

    public static TheoryData<int, int, int> Ways => LongForm.Wanted ? new() { { 0, 3000, 3000 }, { 20, 1500, 400 }, { 100, 1000, 100 } } : new() { { 20, 60, 10 } };

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task The_rate_over_a_long_way_beside_Postfix(int roundTrip, int messages, int byPostfix)
    {
        double chunks = Rate(await RelayAsync(roundTrip, messages, chunking: true));
        double data = Rate(await RelayAsync(roundTrip, Math.Min(messages, byPostfix * 3), chunking: false));
        double postfix = Rate(await PostfixAsync(roundTrip, byPostfix));
        double trips = roundTrip == 0 ? double.PositiveInfinity : 1000.0 / roundTrip;
        Figure.Report(string.Create(CultureInfo.InvariantCulture,
            $"one connection, {roundTrip} ms of round trip, {Length} octets: by BDAT {chunks:0.0}/s (at most {Depth * trips:0}), by DATA {data:0.0}/s (at most {trips:0}), Postfix {postfix:0.0}/s: {chunks / postfix:0.0} and {data / postfix:0.0} times"));
        if (roundTrip == 100)
        {
            Assert.InRange(chunks / postfix, 10, double.PositiveInfinity);
        }
    }

    private static double Rate(Run run) => (run.Messages - 1) / run.Elapsed.TotalSeconds;

    private readonly record struct Run(int Messages, int Flights, int RoundTrips, TimeSpan Elapsed);

    private static async Task<Run> RelayAsync(int roundTrip, int messages, bool chunking)
    {
        int port = FreePort.On("127.0.0.1");
        await using PostfixInstance receiver = await PostfixInstance.StartAsync("127.0.0.1", port, Dropping + (chunking ? "" : "\nsmtpd_discard_ehlo_keywords = chunking"));
        await using DelayProxy proxy = DelayProxy.Start("127.0.0.1", port, TimeSpan.FromMilliseconds(roundTrip));
        await using RelayProcess relay = await RelayProcess.StartAsync(RelaySettings.SmartHost("127.0.0.1", proxy.Port) with { Delivery = "connections = 1", Log = "level = \"warning\"" });
        await SmtpSource.SendAsync("127.0.0.1", relay.Port, messages, 20, Length, $"box@{PostfixInstance.Domain}");
        proxy.Open();
        await Eventually.Value(() => proxy.Messages >= messages ? "all" : null, () => $"{messages} messages at the receiver; there are {proxy.Messages}\n{receiver.Log}", TimeSpan.FromMinutes(5));
        Assert.Equal(0, await relay.StopAsync());
        Assert.Equal(messages, proxy.Messages);
        return new Run(messages, proxy.Flights, proxy.RoundTrips, proxy.Elapsed);
    }

    private static async Task<Run> PostfixAsync(int roundTrip, int messages)
    {
        int port = FreePort.On("127.0.0.1");
        int own = FreePort.On("127.0.0.1");
        await using PostfixInstance receiver = await PostfixInstance.StartAsync("127.0.0.1", port, Dropping);
        await using DelayProxy proxy = DelayProxy.Start("127.0.0.1", port, TimeSpan.FromMilliseconds(roundTrip));
        await using PostfixInstance sender = await PostfixInstance.StartAsync("127.0.0.1", own, $"""
            mynetworks = 127.0.0.0/8
            smtpd_relay_restrictions = permit_mynetworks, reject
            virtual_mailbox_domains =
            relayhost = [127.0.0.1]:{proxy.Port}
            smtp_tls_security_level = none
            default_destination_concurrency_limit = 1
            initial_destination_concurrency = 1
            smtp_destination_concurrency_failed_cohort_limit = 0
            """);
        await SmtpSource.SendAsync("127.0.0.1", own, messages, 20, Length, $"box@{PostfixInstance.Domain}");
        proxy.Open();
        await Eventually.Value(() => proxy.Messages >= messages ? "all" : null, () => $"{messages} messages at the receiver; there are {proxy.Messages}\n{sender.Log}", TimeSpan.FromMinutes(5));
        return new Run(messages, proxy.Flights, proxy.RoundTrips, proxy.Elapsed);
    }

    /// <summary>Everything is taken and goes no further. Postfix would slow down a sender whose mail doesn't reach its queue manager.</summary>
    private const string Dropping = """
        in_flow_delay = 0
        smtpd_sender_restrictions = check_sender_access static:DISCARD
        smtpd_tls_security_level = none
        """;
}
