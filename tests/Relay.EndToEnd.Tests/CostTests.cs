using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Relay.EndToEnd.Tests.Harness;

namespace Relay.EndToEnd.Tests;

/// <summary>What a delivered message costs: processor time, connections and handshakes, in clear and in TLS, to a Postfix that takes and drops everything.</summary>
[Collection<Alone>]
public sealed class CostTests
{
    [Theory]
    [InlineData("none")]
    [InlineData("required")]
    public async Task A_connection_serves_many_messages_and_a_handshake_too(string tls)
    {
        int messages = LongForm.Wanted ? 50_000 : 1500;
        int port = FreePort.On("127.0.0.1");
        await using PostfixInstance receiver = await PostfixInstance.StartAsync("127.0.0.1", port, """
            in_flow_delay = 0
            smtpd_sender_restrictions = check_sender_access static:DISCARD
            smtpd_client_connection_count_limit = 0
            smtpd_tls_loglevel = 0
            """);
        // Takes connections and never greets: the mail waits, so that only delivering is measured.
        using var silent = new TcpListener(IPAddress.Parse("127.0.0.2"), 0);
        silent.Start(100);
        await using RelayProcess relay = await RelayProcess.StartAsync(Toward("127.0.0.2", ((IPEndPoint)silent.LocalEndpoint).Port, "none"));
        await SmtpSource.SendAsync("127.0.0.1", relay.Port, messages, 20, 4096, $"box@{PostfixInstance.Domain}");
        await relay.Kill9Async();
        await File.WriteAllTextAsync(relay.ConfigFile, Toward("127.0.0.1", port, tls).ToToml(), TestContext.Current.CancellationToken);
        await relay.RestartAsync();
        using var metrics = new Metrics(relay);
        // The first tenth is for the code to be compiled.
        await DeliveredAsync(metrics, messages / 10);
        (long start, long begun, TimeSpan before) = (Stopwatch.GetTimestamp(), metrics.Settled("delivered"), relay.ProcessorTime);
        await DeliveredAsync(metrics, messages);
        TimeSpan cpu = relay.ProcessorTime - before;
        double opened = metrics.Value("relay_outbound_opened_total");
        Figure.Report(string.Create(CultureInfo.InvariantCulture,
            $"{(tls == "none" ? "in clear" : "in TLS")}: {cpu.TotalMicroseconds / (messages - begun):0} us of processor a delivered message of 4 KiB, {(messages - begun) / Stopwatch.GetElapsedTime(start).TotalSeconds:0}/s; {messages / opened:0} messages a connection{(tls == "none" ? "" : string.Create(CultureInfo.InvariantCulture, $", {opened / messages:0.0000} handshakes a message"))}"));
        Assert.InRange(opened, 1, messages / 20);
        Assert.Equal(0, await relay.StopAsync());
    }

    private static RelaySettings Toward(string address, int port, string tls) =>
        RelaySettings.SmartHost(address, port) with { Delivery = "[delivery.timeouts]\ngreeting = \"1h\"", DeliveryTls = tls, Log = "level = \"warning\"", Limits = "connections_per_address = 1000" };

    private static async Task DeliveredAsync(Metrics metrics, int count) => await Eventually.Value(
        () => metrics.Settled("delivered") >= count ? "all" : null, () => $"{count} messages delivered; there are {metrics.Settled("delivered")}", TimeSpan.FromMinutes(5), TimeSpan.FromSeconds(1));
}
