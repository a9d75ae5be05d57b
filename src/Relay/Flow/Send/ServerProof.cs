using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Relay.Tls;

namespace Relay.Flow.Send;

/// <summary>One handshake's judgement of the server: how it proved who it is, if it did, and whether that does for the policy. Used once, by the connection's owner.</summary>
internal sealed class ServerProof(TlsPolicy policy, string host, TimeProvider time)
{
    /// <summary>By what the server is known to be who it should be: "pkix", "dane-ee", "dane-ta", or "none".</summary>
    public string Verified { get; private set; } = "none";

    /// <summary>What is wrong with what the server showed, as far as a policy that asked for a proof would care; None when nothing is.</summary>
    public TlsFault Fault { get; private set; }

    /// <summary>The same in words.</summary>
    public string Reason { get; private set; } = "";

    /// <summary>RFC 8461 §4.1: the name must stand where names of hosts belong, not only in the subject. The configuration's "verified" is as the class library has it.</summary>
    private bool WantsAlternativeName => policy.Kind is TlsPolicyKind.MtaSts or TlsPolicyKind.MtaStsTesting;

    public SslClientAuthenticationOptions Options() => new()
    {
        TargetHost = policy.Dane?.BaseDomain ?? host,
        EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
        CertificateChainPolicy = ServerChain.Policy(),
        ClientCertificateContext = policy.Certificate,
        RemoteCertificateValidationCallback = (_, certificate, chain, errors) => Judge(certificate as X509Certificate2, chain, errors),
    };

    /// <summary>Unverified TLS takes any certificate on purpose: it defends against listening, not against an impostor (RFC 7435). What the certificate proves is noted all the same.</summary>
    private bool Judge(X509Certificate2? own, X509Chain? chain, SslPolicyErrors errors)
    {
        if (own is null)
        {
            Fault = TlsFault.ValidationFailure;
            Reason = "the server showed no certificate";
        }
        else if (policy.Dane is { } records)
        {
            Verified = DaneCheck.Verify(records, own, chain?.ChainPolicy.ExtraStore ?? [], time.GetLocalNow().LocalDateTime, out TlsFault fault, out string reason) ?? "none";
            (Fault, Reason) = fault == TlsFault.None ? (fault, "") : (fault, reason);
        }
        else
        {
            JudgeByName(own, chain, errors);
        }

        return policy.Level != OutboundTls.Verified || Fault == TlsFault.None;
    }

    private void JudgeByName(X509Certificate2 own, X509Chain? chain, SslPolicyErrors errors)
    {
        X509ChainStatusFlags wrong = default;
        foreach (X509ChainStatus status in chain?.ChainStatus ?? [])
        {
            wrong |= status.Status;
        }

        bool isNamed = !errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch) && (!WantsAlternativeName || own.MatchesHostname(host, allowWildcards: true, allowCommonName: false));
        (Fault, Reason) = errors.HasFlag(SslPolicyErrors.RemoteCertificateChainErrors)
            ? (wrong == X509ChainStatusFlags.NotTimeValid ? TlsFault.CertificateExpired : TlsFault.CertificateNotTrusted, $"the server's certificate is not valid: {wrong}")
            : !isNamed ? (TlsFault.CertificateHostMismatch, $"the server's certificate is not for {host}")
            : (TlsFault.None, "");
        Verified = Fault == TlsFault.None ? "pkix" : "none";
    }
}
