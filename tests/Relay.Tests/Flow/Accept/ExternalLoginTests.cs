using System.Net;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Relay.Flow.Accept;
using Relay.Flow.Policy;
using Relay.Tests.Support;
using Relay.Tls;

namespace Relay.Tests.Flow.Accept;

/// <summary>H31: who a client is by the certificate that it has shown (RFC 4422 appendix A).</summary>
public sealed class ExternalLoginTests : IDisposable
{
    private const string Pinned = "pinned";

    private readonly CertificateFolder _folder = new(TimeProvider.System.GetUtcNow());

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("=", "235 2.7.0")]
    [InlineData("alice@b.example", "235 2.7.0")]
    [InlineData("bob@b.example", "535 5.7.8")]
    [InlineData("alice", "535 5.7.8")]
    [InlineData("pinned", "535 5.7.8")]
    public async Task A_mailbox_that_an_authority_vouches_for_is_the_user_of_that_name_and_nobody_else(string actsAs, string reply)
    {
        await using EngineFixture relay = await StartAsync();
        using X509Certificate2 own = _folder.Client(true, "alice@b.example");
        await using TestClient client = await relay.ConnectTlsAsync(own: own);
        await client.SayAsync("AUTH EXTERNAL " + (actsAs == "=" ? "=" : Base64(actsAs)), reply);
        await client.SayAsync("MAIL FROM:<x@b.example>", reply.StartsWith("235", StringComparison.Ordinal) ? "250" : "530 5.7.0");
    }

    [Fact]
    public async Task The_response_may_come_for_a_challenge_and_be_cancelled()
    {
        await using EngineFixture relay = await StartAsync();
        using X509Certificate2 own = _folder.Client(true, "nobody@b.example", "alice@b.example");
        await using TestClient client = await relay.ConnectTlsAsync(own: own);
        await client.SayAsync("AUTH EXTERNAL", "334 ");
        await client.SayAsync("*", "501 5.7.0");
        await client.SayAsync("AUTH EXTERNAL", "334 ");
        await client.SayAsync("%", "501 5.5.2");
        await client.SayAsync("AUTH EXTERNAL", "334 ");
        await client.SayAsync("", "235 2.7.0");
        await client.SayAsync("AUTH EXTERNAL =", "503 5.5.1");
        await client.SayAsync("MAIL FROM:<x@elsewhere.example>", "553 5.7.1");
    }

    [Theory]
    [InlineData(true, Pinned)]
    [InlineData(false, Pinned)]
    [InlineData(false, "a stranger")]
    [InlineData(true, "a stranger")]
    public async Task A_fingerprint_counts_without_an_authority_and_a_name_only_with_one(bool isVerified, string who)
    {
        using X509Certificate2 own = _folder.Client(isVerified, "mallory@b.example", who == Pinned ? "x@x.example" : "alice@b.example");
        await using EngineFixture relay = await StartAsync(pinned: who == Pinned ? own : null);
        await using TestClient client = await relay.ConnectTlsAsync(own: own);
        string hello = await client.SayAsync("EHLO client.example", "250");
        bool counts = isVerified || who == Pinned;
        Assert.Equal(counts, hello.Contains("250-AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN EXTERNAL", StringComparison.Ordinal));
        Assert.Single(hello.Split('\n'), static l => l.Contains("AUTH", StringComparison.Ordinal));
        await client.SayAsync("AUTH EXTERNAL =", counts ? "235" : "504 5.5.4");
    }

    [Fact]
    public async Task Without_a_certificate_EXTERNAL_is_no_mechanism_and_passwords_are_as_before()
    {
        await using EngineFixture relay = await StartAsync();
        await using TestClient client = await relay.ConnectTlsAsync();
        await client.SayAsync("AUTH EXTERNAL =", "504 5.5.4");
        await client.SayAsync("AUTH PLAIN " + Base64("\0alice@b.example\0secret"), "235 2.7.0");
    }

    [Fact]
    public async Task A_user_without_a_password_has_none_that_is_right()
    {
        await using EngineFixture relay = await StartAsync(pinned: _folder.Client(false));
        await using TestClient client = await relay.ConnectTlsAsync();
        await client.SayAsync("AUTH PLAIN " + Base64("\0pinned\0other"), "535 5.7.8");
    }

    [Theory]
    [InlineData(ListenerRole.Relay, true, "250")]
    [InlineData(ListenerRole.Relay, false, "550 5.7.1")]
    [InlineData(ListenerRole.Submission, true, "530 5.7.0")]
    public async Task A_certificate_of_relay_certificates_may_relay_as_a_network_of_relay_from_may(ListenerRole role, bool isListed, string reply)
    {
        using X509Certificate2 own = _folder.Client(false);
        await using EngineFixture relay = await StartAsync(role: role, relayCertificate: isListed ? own : null);
        await using TestClient client = await relay.ConnectTlsAsync(own: own, address: "192.0.2.7");
        await client.SayAsync("MAIL FROM:<>", reply.StartsWith("530", StringComparison.Ordinal) ? "530" : "250");
        if (role == ListenerRole.Relay)
        {
            await client.SayAsync("RCPT TO:<x@far.example>", reply);
        }
    }

    [Fact]
    public async Task A_proxys_certificate_is_not_that_of_the_client_for_whom_it_speaks()
    {
        using X509Certificate2 own = _folder.Client(true, "alice@b.example");
        await using EngineFixture relay = await StartAsync(role: ListenerRole.Relay, relayCertificate: own, proxy: true);
        await using TestClient client = await relay.ConnectTlsAsync(own: own);
        await client.SayAsync("XCLIENT ADDR=192.0.2.7", "220");
        string hello = await client.SayAsync("EHLO client.example", "250");
        Assert.DoesNotContain("EXTERNAL", hello, StringComparison.Ordinal);
        await client.SayAsync("AUTH EXTERNAL =", "504");
        await client.SayAsync("MAIL FROM:<x@b.example>", "250");
        await client.SayAsync("RCPT TO:<x@far.example>", "550 5.7.1");
    }

    private static string Base64(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));

    private static string Fingerprint(X509Certificate2 certificate) => certificate.GetCertHashString(System.Security.Cryptography.HashAlgorithmName.SHA256).ToLowerInvariant();

    private Task<EngineFixture> StartAsync(ListenerRole role = ListenerRole.Submission, X509Certificate2? pinned = null, X509Certificate2? relayCertificate = null, bool proxy = false)
    {
        Account alice = TestAccounts.Of(("alice@b.example", "secret", ["*@b.example"])).Find("alice@b.example")!;
        Account bob = TestAccounts.Of(("bob@b.example", "secret", ["*@b.example"])).Find("bob@b.example")!;
        var host = new Account("pinned", null, alice.Senders) { Certificates = pinned is null ? [] : ["sha256:" + Fingerprint(pinned)] };
        var relay = new EngineFixture();
        relay.Time.SetUtcNow(TimeProvider.System.GetUtcNow());
        relay.Options = relay.Options with
        {
            Accounts = new Accounts([alice, bob, host], new byte[32]),
            Tls = new TlsOptions { Certificates = [_folder.Write("a", ["a.example"])], ClientAuthorityPath = _folder.AuthorityPath },
            Access = relay.Options.Access with
            {
                RelayFrom = [],
                RelayCertificates = relayCertificate is null ? System.Collections.Frozen.FrozenSet<string>.Empty : System.Collections.Frozen.FrozenSet.ToFrozenSet([Fingerprint(relayCertificate)]),
                XClientFrom = proxy ? [IPNetwork.Parse("127.0.0.0/8")] : [],
            },
        };
        relay.Listener = relay.Listener with { Role = role, ClientCertificate = ClientCertificateDemand.Ask };
        return relay.StartAsync();
    }
}
