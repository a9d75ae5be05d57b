using System.Diagnostics;
using System.Globalization;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Relay.EndToEnd.Tests.Harness;

namespace Relay.EndToEnd.Tests;

/// <summary>What handshakes cost the relay, and what many of them at a time do to a session that only wants an answer. Figures, not promises.</summary>
[Collection<Alone>]
public sealed class HandshakeCostTests
{
    private static readonly int Count = LongForm.Scale(100);

    /// <summary>Processor time of the relay's process for a connection that ends behind its greeting, less that of one in clear.</summary>
    [Theory]
    [InlineData("RSA-2048")]
    [InlineData("ECDSA P-256")]
    public async Task A_handshake_costs_so_much(string kind)
    {
        using var folder = new TempFolder();
        await using RelayProcess relay = await StartAsync(folder, kind == "RSA-2048");
        double clear = await CostAsync(relay, async () =>
        {
            using RawClient client = await RawClient.ConnectAsync(relay.Listeners[1]);
        });
        foreach (SslProtocols version in (SslProtocols[])[SslProtocols.Tls12, SslProtocols.Tls13])
        {
            double full = await CostAsync(relay, () => VisitAsync(false)) - clear;
            double resumed = await CostAsync(relay, () => VisitAsync(true)) - clear;
            Figure.Report(string.Create(CultureInfo.InvariantCulture, $"{kind}, {version}: {full:0} us of processor a full handshake, {resumed:0} us a resumed one (a connection in clear: {clear:0} us)"));
            Assert.True(!LongForm.Wanted || resumed < full, "a resumed handshake costs less");

            async Task VisitAsync(bool resume)
            {
                using RawClient client = await RawClient.ConnectAsync(relay.Listener, implicitTls: true, resume: resume, versions: version);
            }
        }
    }

    /// <summary>The clients' half of the work is done on the same processors: it is worse here than it would be from elsewhere.</summary>
    [Fact]
    public async Task Many_handshakes_at_a_time_delay_other_sessions_by_so_much()
    {
        using var folder = new TempFolder();
        await using RelayProcess relay = await StartAsync(folder, rsa: true);
        using RawClient client = await RawClient.ConnectAsync(relay.Listeners[1]);
        double[] calm = await NoopsAsync(client);
        double calmRate = await MessagesAsync(client);
        using var stop = new CancellationTokenSource();
        int handshakes = 0;
        Task[] flood = [.. Enumerable.Range(0, 150).Select(_ => Task.Run(FloodAsync))];
        await Eventually.True(() => Volatile.Read(ref handshakes) > Count / 2, "the flood is there");
        (int begun, long start) = (Volatile.Read(ref handshakes), Stopwatch.GetTimestamp());
        double[] flooded = await NoopsAsync(client);
        double rate = (Volatile.Read(ref handshakes) - begun) / Stopwatch.GetElapsedTime(start).TotalSeconds;
        double floodedRate = await MessagesAsync(client);
        await stop.CancelAsync();
        await Task.WhenAll(flood);
        Figure.Report(string.Create(CultureInfo.InvariantCulture, $"NOOP, p50/p99 of {Count}: {calm[Count / 2]:0.0}/{calm[Count * 99 / 100]:0.0} ms alone, {flooded[Count / 2]:0.0}/{flooded[Count * 99 / 100]:0.0} ms beside 150 clients with {rate:0} full RSA handshakes/s; messages one after the other in one session: {calmRate:0}/s alone, {floodedRate:0}/s beside them"));

        async Task FloodAsync()
        {
            while (!stop.IsCancellationRequested)
            {
                using RawClient visitor = await RawClient.ConnectAsync(relay.Listener, implicitTls: true, resume: false);
                Interlocked.Increment(ref handshakes);
            }
        }
    }

    private static async Task<double[]> NoopsAsync(RawClient client)
    {
        double[] times = new double[Count];
        for (int i = 0; i < Count; i++)
        {
            if (i % 50 == 0)
            {
                // Or it would be a client that brings no mail.
                await client.HelloAsync();
                Assert.StartsWith("250", await client.CommandAsync("MAIL FROM:<a@from.test>"), StringComparison.Ordinal);
                Assert.StartsWith("250", await client.CommandAsync("RCPT TO:<b@to.test>"), StringComparison.Ordinal);
                Assert.StartsWith("354", await client.CommandAsync("DATA"), StringComparison.Ordinal);
                Assert.StartsWith("250", await client.CommandAsync("Subject: x\r\n\r\nx\r\n."), StringComparison.Ordinal);
            }

            long start = Stopwatch.GetTimestamp();
            Assert.StartsWith("250", await client.CommandAsync("NOOP"), StringComparison.Ordinal);
            times[i] = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        }

        Array.Sort(times);
        return times;
    }

    /// <summary>How many a second one session sends, each when the one before is answered.</summary>
    private static async Task<double> MessagesAsync(RawClient client)
    {
        await client.HelloAsync();
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < Count; i++)
        {
            Assert.StartsWith("250", await client.CommandAsync("MAIL FROM:<a@from.test>"), StringComparison.Ordinal);
            Assert.StartsWith("250", await client.CommandAsync("RCPT TO:<b@to.test>"), StringComparison.Ordinal);
            Assert.StartsWith("354", await client.CommandAsync("DATA"), StringComparison.Ordinal);
            Assert.StartsWith("250", await client.CommandAsync("Subject: x\r\n\r\nx\r\n."), StringComparison.Ordinal);
        }

        return Count / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private static async Task<double> CostAsync(RelayProcess relay, Func<Task> visit)
    {
        for (int i = 0; i < Count / 4; i++)
        {
            await visit();
        }

        TimeSpan before = relay.ProcessorTime;
        for (int i = 0; i < Count; i++)
        {
            await visit();
        }

        return (relay.ProcessorTime - before).TotalMicroseconds / Count;
    }

    private static async Task<RelayProcess> StartAsync(TempFolder folder, bool rsa)
    {
        using X509Certificate2 certificate = rsa ? SelfSigned.Create("relay.test") : Ecdsa();
        string key = rsa ? certificate.GetRSAPrivateKey()!.ExportPkcs8PrivateKeyPem() : certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem();
        return await RelayProcess.StartAsync(new RelaySettings
        {
            Listeners = ["implicit", "none"],
            Tables = $"[tls]\ncertificate = \"{folder.Write("tls.pem", certificate.ExportCertificatePem())}\"\nkey = \"{folder.Write("tls.key", key)}\"",
            Limits = "connections_per_address = 10000",
            Log = "level = \"warning\"",
        });
    }

    private static X509Certificate2 Ecdsa()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        DateTimeOffset now = TimeProvider.System.GetUtcNow();
        return new CertificateRequest("CN=relay.test", key, HashAlgorithmName.SHA256).CreateSelfSigned(now.AddDays(-1), now.AddDays(30));
    }
}
