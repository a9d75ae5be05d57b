using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Time.Testing;
using Relay.Concurrency;
using Relay.Flow.Accept;
using Relay.Tests.Support;
using Relay.Tls;

namespace Relay.Tests.Flow.Accept;

public sealed class SmtpChannelTests : IDisposable
{
    private readonly FakeTimeProvider _time = new(TimeProvider.System.GetUtcNow());
    private readonly CertificateFolder _folder;

    public SmtpChannelTests() => _folder = new CertificateFolder(_time.GetUtcNow());

    public void Dispose() => _folder.Dispose();

    /// <summary>The greeting's deadline may have found itself expired just before the session ended: it wakes the channel behind its end then, on a thread where an exception would end the process.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_wake_that_comes_behind_the_end_is_no_error(bool tls)
    {
        using var heartbeat = new Heartbeat(_time);
        var pipes = new DuplexPipes();
        var channel = new SmtpChannel(new DefaultConnectionContext("test", pipes.Server, pipes.Server) { RemoteEndPoint = new IPEndPoint(IPAddress.Loopback, 40000) }, heartbeat);
        await using var client = new TestClient(pipes.Client, Task.CompletedTask);
        if (tls)
        {
            ServerCertificates certificates = ServerCertificates.Load(new TlsOptions { Certificates = [_folder.Write("a", ["localhost"])] }, "relay.example", _time, new CollectedLog());
            ValueTask<string?> accepted = channel.StartTlsAsync(new TlsAcceptor(certificates, TlsProfile.Intermediate, ClientCertificateDemand.None, _time, TlsAcceptor.NewTurns(_time)), CancellationToken.None);
            await client.StartTlsAsync();
            Assert.Null(await accepted);
        }

        // What a wake is for.
        ValueTask<System.IO.Pipelines.ReadResult> read = channel.Input.ReadAsync(TestContext.Current.CancellationToken);
        channel.Wake();
        System.IO.Pipelines.ReadResult woken = await read;
        Assert.True(woken.IsCanceled);
        channel.Input.AdvanceTo(woken.Buffer.Start);

        await channel.DisposeAsync();
        await pipes.Server.Output.CompleteAsync();
        await pipes.Server.Input.CompleteAsync();
        channel.Wake();
    }
}
