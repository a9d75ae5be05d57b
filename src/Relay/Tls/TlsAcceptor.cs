using System.IO.Pipelines;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Relay.Concurrency;

namespace Relay.Tls;

/// <summary>
/// The handshakes of one listener, in turns with those of the others: the certificate is chosen by the name that the client asks for, and the client's own is asked for when the listener wants it. Immutable; any thread.
/// </summary>
internal sealed class TlsAcceptor
{
    /// <summary>Five clients' connections, as many as one may have.</summary>
    private const int MostWaiting = 1000;

    /// <summary>Longer than a room full of handshakes takes with the slowest keys. Then the client is told to come again later.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly ServerCertificates _certificates;
    private readonly TlsProfile _profile;
    private readonly ClientCertificateDemand _demand;
    private readonly TimeProvider _time;
    private readonly Turns _turns;
    private readonly ServerOptionsSelectionCallback _plain;

    public TlsAcceptor(ServerCertificates certificates, TlsProfile profile, ClientCertificateDemand demand, TimeProvider time, Turns turns)
    {
        _certificates = certificates;
        _profile = profile;
        _demand = demand;
        _time = time;
        _turns = turns;
        _plain = (_, hello, _, _) => new(_certificates.Current.Find(hello.ServerName).Options(_profile));
    }

    /// <summary>The turns of all listeners: half of the processors computes handshakes, the other half is for mail whatever knocks at the door.</summary>
    public static Turns NewTurns(TimeProvider time) => new(Math.Max(1, Environment.ProcessorCount / 2), MostWaiting, Patience, time);

    /// <summary>Whether a handshake may begin, as soon as it would be its turn. False: so many wait that it had better not.</summary>
    public async ValueTask<bool> TryBeginAsync(CancellationToken cancel)
    {
        if (!await _turns.TryTakeAsync(isExpected: false, cancel).ConfigureAwait(false))
        {
            return false;
        }

        // It is the client that has to speak first, and he gets no turn before.
        _turns.End();
        return true;
    }

    /// <summary>Handshake as the server. Nothing may wait unread in <paramref name="transport"/> from before. <paramref name="cancel"/> ends a wait for a turn.</summary>
    public ValueTask<TlsResult> AcceptAsync(IDuplexPipe transport, CancellationToken cancel) =>
        _demand == ClientCertificateDemand.None ? TlsPipe.ServerAsync(transport, _plain, _turns, cancel) : AskAsync(transport, cancel);

    private async ValueTask<TlsResult> AskAsync(IDuplexPipe transport, CancellationToken cancel)
    {
        // One set for the whole handshake.
        CertificateSet set = _certificates.Current;
        ClientCertificate? shown = null;
        string? refused = null;
        TlsResult result = await TlsPipe.ServerAsync(transport, (_, hello, _, _) => new(set.Find(hello.ServerName).Options(_profile, Policy(set), Check)), _turns, cancel).ConfigureAwait(false);
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
