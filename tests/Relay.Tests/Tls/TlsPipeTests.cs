using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Relay.Tests.Support;
using Relay.Tls;

namespace Relay.Tests.Tls;

public class TlsPipeTests
{
    [Fact]
    public async Task What_was_not_flushed_at_the_end_is_dropped_and_no_error()
    {
        (TlsPipe client, TlsPipe server) = await ConnectAsync();
        "lost"u8.CopyTo(server.Output.GetSpan(4));
        server.Output.Advance(4);

        await server.DisposeAsync();

        Assert.True((await client.Input.ReadAsync(TestContext.Current.CancellationToken)).IsCompleted);
        await client.DisposeAsync();
    }

    [Fact]
    public async Task A_deadline_that_comes_during_or_after_the_end_wakes_nobody_and_is_no_error()
    {
        (TlsPipe client, TlsPipe server) = await ConnectAsync();
        using var stop = new CancellationTokenSource();
        Task deadlines = Task.Run(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                server.CancelPending();
            }
        }, TestContext.Current.CancellationToken);

        await server.DisposeAsync();
        server.CancelPending();
        await stop.CancelAsync();

        await deadlines;
        await client.DisposeAsync();
    }

    [Fact]
    public async Task A_deadline_wakes_a_read()
    {
        (TlsPipe client, TlsPipe server) = await ConnectAsync();
        ValueTask<System.IO.Pipelines.ReadResult> read = server.Input.ReadAsync(TestContext.Current.CancellationToken);

        server.CancelPending();

        System.IO.Pipelines.ReadResult result = await read;
        Assert.True(result.IsCanceled);
        server.Input.AdvanceTo(result.Buffer.Start);
        await server.DisposeAsync();
        await client.DisposeAsync();
    }

    private static async Task<(TlsPipe Client, TlsPipe Server)> ConnectAsync()
    {
        using RSA key = RSA.Create(2048);
        var request = new CertificateRequest("CN=relay.example", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var now = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
        X509Certificate2 certificate = request.CreateSelfSigned(now, now.AddYears(100));
        var pipes = new DuplexPipes();
        Task<TlsResult> server = TlsPipe.ServerAsync(pipes.Server, (_, _, _, _) => new(new SslServerAuthenticationOptions { ServerCertificate = certificate }), TlsAcceptor.NewTurns(TimeProvider.System), CancellationToken.None).AsTask();
        TlsResult client = await TlsPipe.ClientAsync(pipes.Client, new SslClientAuthenticationOptions
        {
            TargetHost = "relay.example",
            RemoteCertificateValidationCallback = static (_, shown, _, _) => shown is not null,
        });
        return (client.Pipe!, (await server).Pipe!);
    }
}
