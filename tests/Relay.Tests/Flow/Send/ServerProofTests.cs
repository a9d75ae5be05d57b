using Relay.Dns;
using Relay.Flow;
using Relay.Flow.Send;

namespace Relay.Tests.Flow.Send;

/// <summary>What a server is asked for in TLS.</summary>
public sealed class ServerProofTests
{
    [Fact]
    public void L25_the_name_that_is_asked_for_is_where_the_records_were_found()
    {
        DaneRecords records = DaneRecords.Of([new TlsaRecord(3, 1, 1, new string('A', 64))], "end.example", "dest.example")!;
        Assert.Equal("end.example", new ServerProof(new TlsPolicy(OutboundTls.Verified, TlsPolicyKind.Dane) { Dane = records }, "mx.dest.example", TimeProvider.System).Options().TargetHost);
        Assert.Equal("mx.dest.example", new ServerProof(new TlsPolicy(OutboundTls.Verified), "mx.dest.example", TimeProvider.System).Options().TargetHost);
    }

    [Fact]
    public void Nothing_is_fetched_because_a_certificate_says_so_and_nobody_is_asked_of_revocation()
    {
        var policy = new ServerProof(new TlsPolicy(OutboundTls.Opportunistic), "mx.example", TimeProvider.System).Options().CertificateChainPolicy!;
        Assert.True(policy.DisableCertificateDownloads);
        Assert.Equal(System.Security.Cryptography.X509Certificates.X509RevocationMode.NoCheck, policy.RevocationMode);
    }
}
