using System.Diagnostics;
using Relay.EndToEnd.Tests.Harness;

namespace Relay.EndToEnd.Tests;

[Collection<Alone>]
public sealed class LoadTests
{
    private static readonly TimeSpan DrainLimit = TimeSpan.FromMinutes(LongForm.Wanted ? 20 : 4);

    [Fact]
    public async Task Ten_thousand_messages_arrive_exactly_once()
    {
        int port = FreePort.On("127.0.0.2", "127.0.0.3", "127.0.0.4");
        (string Domain, string Address, int Messages)[] destinations =
        [
            ("a.test", "127.0.0.2", LongForm.Scale(3400)), ("b.test", "127.0.0.3", LongForm.Scale(3300)), ("c.test", "127.0.0.4", LongForm.Scale(3300)),
        ];
        int total = destinations.Sum(destination => destination.Messages);
        await using DnsServer dns = await DnsServer.StartAsync([.. destinations.Select(d => (d.Domain, 10, $"mx.{d.Domain}", d.Address))]);
        await using SmtpSink a = await SmtpSink.StartAsync("127.0.0.2", port);
        await using SmtpSink b = await SmtpSink.StartAsync("127.0.0.3", port);
        await using SmtpSink c = await SmtpSink.StartAsync("127.0.0.4", port);
        SmtpSink[] sinks = [a, b, c];
        await using RelayProcess relay = await RelayProcess.StartAsync(new RelaySettings { Dns = $"servers = [\"{dns.EndPoint}\"]", Delivery = $"port = {port}" });

        long start = Stopwatch.GetTimestamp();
        await Task.WhenAll(destinations.Select((d, i) => SmtpSource.SendAsync("127.0.0.1", relay.Port, d.Messages, i == 0 ? 16 : 17, 4096, $"box@{d.Domain}")));
        TimeSpan accepted = Stopwatch.GetElapsedTime(start);
        await Eventually.Value(
            () => sinks.Sum(sink => sink.Recipients().Count) >= total ? "all" : null,
            () => $"{total} messages at the sinks; there are {string.Join(" + ", sinks.Select(sink => sink.Recipients().Count))}",
            DrainLimit);
        TimeSpan delivered = Stopwatch.GetElapsedTime(start);
        Assert.Equal(0, await relay.StopAsync());

        // Only after the relay has ended can no second copy come any more.
        foreach ((SmtpSink sink, (string domain, _, int messages)) in sinks.Zip(destinations))
        {
            IReadOnlyList<string> recipients = sink.Recipients();
            Assert.Equal(messages, recipients.Count);
            Assert.Equal(Enumerable.Range(1, messages).Select(i => $"{i}box@{domain}").Order(StringComparer.Ordinal), recipients.Order(StringComparer.Ordinal));
        }

        IReadOnlyList<DeliveryRecord> records = relay.Deliveries.Read();
        Assert.Equal(total, records.Select(record => record.Id).Distinct().Count());
        Assert.All(records.GroupBy(record => record.Id), of => Assert.Equal(["delivered", "received"], of.Select(record => record.Event).Order(StringComparer.Ordinal)));
        Figure.Report($"{total} messages accepted in {accepted.TotalSeconds:0.0} s, all delivered after {delivered.TotalSeconds:0.0} s");
    }
}
