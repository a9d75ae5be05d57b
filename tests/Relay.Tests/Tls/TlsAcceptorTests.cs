using System.IO.Pipelines;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Time.Testing;
using Relay.Tests.Support;
using Relay.Tls;

namespace Relay.Tests.Tls;

public sealed class TlsAcceptorTests : IDisposable
{
    private const int Replacements = 100;

    private readonly FakeTimeProvider _time = new(TimeProvider.System.GetUtcNow());
    private readonly CertificateFolder _folder;

    public TlsAcceptorTests() => _folder = new CertificateFolder(_time.GetUtcNow());

    public void Dispose() => _folder.Dispose();

    /// <summary>H18.</summary>
    [Fact]
    public async Task Certificates_are_replaced_a_hundred_times_under_load_and_no_handshake_fails_and_no_session_ends()
    {
        ServerCertificates certificates = Load(_folder.Write("a", ["a.example"]), _folder.Write("b", ["b.example"]));
        var acceptor = new TlsAcceptor(certificates, TlsProfile.Intermediate, ClientCertificateDemand.None, _time, TlsAcceptor.NewTurns(_time));
        (TlsPipe Client, TlsPipe Server, string Shown)[] old = [await ConnectAsync(acceptor, "a.example"), await ConnectAsync(acceptor, "b.example"), await ConnectAsync(acceptor, "")];
        using var stop = new CancellationTokenSource();
        Task<int>[] load = [LoadAsync("a.example"), LoadAsync("b.example")];
        for (int i = 1; i <= Replacements; i++)
        {
            foreach (string name in (string[])["a", "b"])
            {
                using X509Certificate2 renewed = _folder.Make($"CN={name}{i}", [name + ".example"], [], 90);
                _folder.WriteCertificate(name, renewed);
                certificates.Look();
                _folder.WriteKey(name, renewed);
                certificates.Look();
                (TlsPipe client, TlsPipe server, string shown) = await ConnectAsync(acceptor, name + ".example");
                Assert.Equal($"CN={name}{i}", shown);
                await EndAsync(client, server);
            }
        }

        await stop.CancelAsync();
        int[] handshakes = await Task.WhenAll(load);
        Assert.All(handshakes, static h => Assert.True(h > 1, "there was a load"));
        foreach ((TlsPipe client, TlsPipe server, _) in old)
        {
            await client.Output.WriteAsync("NOOP"u8.ToArray(), TestContext.Current.CancellationToken);
            ReadResult read = await server.Input.ReadAsync(TestContext.Current.CancellationToken);
            Assert.Equal(4, read.Buffer.Length);
            server.Input.AdvanceTo(read.Buffer.End);
            await EndAsync(client, server);
        }

        async Task<int> LoadAsync(string host)
        {
            for (int count = 0; ; count++)
            {
                if (stop.IsCancellationRequested)
                {
                    return count;
                }

                (TlsPipe client, TlsPipe server, string shown) = await ConnectAsync(acceptor, host);
                Assert.StartsWith("CN=" + host[0], shown, StringComparison.Ordinal);
                await EndAsync(client, server);
            }
        }
    }

    /// <summary>RFC 5929 §4: also of the certificate that was chosen, and of the one that was shown when there is another one since.</summary>
    [Fact]
    public async Task The_channel_binding_is_that_of_the_certificate_that_was_shown()
    {
        CertificateOptions b = _folder.Write("b", ["b.example"]);
        ServerCertificates certificates = Load(_folder.Write("a", ["a.example"]), b);
        byte[] shown = certificates.Current.All[1].Context.TargetCertificate.RawData;
        (TlsPipe client, TlsPipe server, _) = await ConnectAsync(new TlsAcceptor(certificates, TlsProfile.Intermediate, ClientCertificateDemand.None, _time, TlsAcceptor.NewTurns(_time)), "b.example");
        _folder.Write("b", ["b.example"]);
        certificates.Look();
        Assert.NotEqual(shown, certificates.Current.All[1].Context.TargetCertificate.RawData);
        Assert.Equal(shown, server.Shown!.RawData);
        await EndAsync(client, server);
    }

    [Theory]
    [InlineData(ClientCertificateDemand.None, true, "verified", "nobody")]
    [InlineData(ClientCertificateDemand.Ask, true, "none", "nobody")]
    [InlineData(ClientCertificateDemand.Ask, true, "verified", "verified")]
    [InlineData(ClientCertificateDemand.Ask, true, "unverified", "unverified")]
    [InlineData(ClientCertificateDemand.Ask, false, "verified", "unverified")]
    [InlineData(ClientCertificateDemand.Ask, true, "expired", "nobody")]
    [InlineData(ClientCertificateDemand.Require, true, "none", "the client has shown no certificate")]
    [InlineData(ClientCertificateDemand.Require, true, "verified", "verified")]
    [InlineData(ClientCertificateDemand.Require, true, "unverified", "no authority vouches for the client's certificate")]
    [InlineData(ClientCertificateDemand.Require, true, "expired", "the client's certificate has expired")]
    [InlineData(ClientCertificateDemand.Require, false, "unverified", "unverified")]
    public async Task A_certificate_of_the_client_is_asked_for_and_judged_as_the_listener_wants(ClientCertificateDemand demand, bool hasAuthority, string own, string expected)
    {
        TlsOptions options = new() { Certificates = [_folder.Write("a", ["a.example"])], ClientAuthorityPath = hasAuthority ? _folder.AuthorityPath : null };
        var certificates = ServerCertificates.Load(options, "relay.example", _time, new CollectedLog());
        using X509Certificate2? client = own == "none" ? null : _folder.Make("CN=client", [], ["alice@example.net"], own == "expired" ? -1 : 90, isVerified: own != "unverified");
        TlsResult result = await AcceptAsync(new TlsAcceptor(certificates, TlsProfile.Intermediate, demand, _time, TlsAcceptor.NewTurns(_time)), client);
        if (result.Pipe is null)
        {
            Assert.StartsWith(expected, result.Failure, StringComparison.Ordinal);
        }
        else
        {
            Assert.Equal(expected, result.Client is { } shown ? (shown.IsVerified ? "verified" : "unverified") : "nobody");
        }
    }

    private static async Task<TlsResult> AcceptAsync(TlsAcceptor acceptor, X509Certificate2? own)
    {
        var pipes = new DuplexPipes();
        Task<TlsResult> accepting = acceptor.AcceptAsync(pipes.Server, CancellationToken.None).AsTask();
        TlsResult client = await TlsPipe.ClientAsync(pipes.Client, new SslClientAuthenticationOptions
        {
            TargetHost = "a.example",
            ClientCertificates = own is null ? null : [own],
            RemoteCertificateValidationCallback = static (_, certificate, _, _) => certificate is not null,
        });
        TlsResult server = await accepting;
        if (server.Pipe is not null && client.Pipe is not null)
        {
            await EndAsync(client.Pipe, server.Pipe);
        }

        return server;
    }

    private ServerCertificates Load(params CertificateOptions[] files) => ServerCertificates.Load(new TlsOptions { Certificates = files }, "relay.example", _time, new CollectedLog());

    private static async Task<(TlsPipe Client, TlsPipe Server, string Shown)> ConnectAsync(TlsAcceptor acceptor, string host)
    {
        var pipes = new DuplexPipes();
        Task<TlsResult> accepting = acceptor.AcceptAsync(pipes.Server, CancellationToken.None).AsTask();
        string shown = "";
        TlsResult client = await TlsPipe.ClientAsync(pipes.Client, new SslClientAuthenticationOptions
        {
            TargetHost = host,
            RemoteCertificateValidationCallback = (_, certificate, _, _) => (shown = certificate!.Subject).Length > 0,
        });
        TlsResult server = await accepting;
        Assert.True(client.Pipe is not null && server.Pipe is not null, client.Failure + server.Failure);
        return (client.Pipe, server.Pipe, shown);
    }

    private static async Task EndAsync(TlsPipe client, TlsPipe server)
    {
        await client.DisposeAsync();
        await server.DisposeAsync();
    }
}
