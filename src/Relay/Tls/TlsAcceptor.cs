using System.IO.Pipelines;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace Relay.Tls;

/// <summary>
/// The handshakes of one listener: the certificate is chosen by the name that the client asks for, and the client's own is asked for when the listener wants it. Immutable; any thread.
/// </summary>
internal sealed class TlsAcceptor
{
    private readonly ServerCertificates _certificates;
    private readonly TlsProfile _profile;
    private readonly ClientCertificateDemand _demand;
    private readonly TimeProvider _time;
    private readonly ServerOptionsSelectionCallback _plain;

    public TlsAcceptor(ServerCertificates certificates, TlsProfile profile, ClientCertificateDemand demand, TimeProvider time)
    {
        _certificates = certificates;
        _profile = profile;
        _demand = demand;
        _time = time;
        _plain = (_, hello, _, _) => new(_certificates.Current.Find(hello.ServerName).Options(_profile));
    }

    /// <summary>Handshake as the server. Nothing may wait unread in <paramref name="transport"/> from before.</summary>
    public ValueTask<TlsResult> AcceptAsync(IDuplexPipe transport) => _demand == ClientCertificateDemand.None ? TlsPipe.ServerAsync(transport, _plain) : AskAsync(transport);

    private async ValueTask<TlsResult> AskAsync(IDuplexPipe transport)
    {
        // One set for the whole handshake.
        CertificateSet set = _certificates.Current;
        ClientCertificate? shown = null;
        string? refused = null;
        TlsResult result = await TlsPipe.ServerAsync(transport, (_, hello, _, _) => new(set.Find(hello.ServerName).Options(_profile, Policy(set), Check))).ConfigureAwait(false);
        return result with { Client = shown, Failure = result.Pipe is null && refused is not null ? refused : result.Failure };

        bool Check(object sender, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors)
        {
            DateTime now = _time.GetUtcNow().LocalDateTime;
            if (certificate is not X509Certificate2 whole || whole.NotBefore > now || whole.NotAfter < now)
            {
                // What has expired is as good as none.
                refused = certificate is null ? "the client has shown no certificate" : "the client's certificate has expired, or isn't good yet";
                return _demand == ClientCertificateDemand.Ask;
            }

            bool isVerified = set.ClientAuthorities is not null && errors == SslPolicyErrors.None;
            shown = ClientCertificate.Of(whole, isVerified);
            refused = $"no authority vouches for the client's certificate sha256:{shown.Fingerprint}";
            return isVerified || set.ClientAuthorities is null || _demand == ClientCertificateDemand.Ask;
        }
    }

    /// <summary>By the configured authorities and what the client sent, and nothing else. A new one for each handshake, because it is changed while it is used.</summary>
    private X509ChainPolicy Policy(CertificateSet set)
    {
        X509ChainPolicy policy = ServerChain.Policy();
        policy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        policy.CustomTrustStore.AddRange(set.ClientAuthorities ?? []);
        policy.VerificationTime = _time.GetUtcNow().LocalDateTime;
        return policy;
    }
}
