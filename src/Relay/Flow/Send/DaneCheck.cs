using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Relay.Dns;
using Relay.Tls;

namespace Relay.Flow.Send;

/// <summary>Holds the certificates that a server showed against its TLSA records (RFC 7671, RFC 7672 §3). Pure; any thread.</summary>
internal static class DaneCheck
{
    private const byte FullCertificate = 0;

    private const X509ChainStatusFlags NoAuthority = X509ChainStatusFlags.UntrustedRoot | X509ChainStatusFlags.PartialChain;

    /// <summary>
    /// "dane-ee" or "dane-ta" when some record matches; otherwise null, and <paramref name="fault"/> and <paramref name="reason"/> say what comes nearest. <paramref name="shown"/> is what came with the server's own
    /// certificate, in any order.
    /// </summary>
    public static string? Verify(DaneRecords records, X509Certificate2 own, X509Certificate2Collection shown, DateTime now, out TlsFault fault, out string reason)
    {
        fault = TlsFault.TlsaInvalid;
        reason = "no TLSA record matches the server's certificate";
        foreach (TlsaRecord record in records.Records)
        {
            // RFC 7671 §5.1: neither its names nor its dates count; the zone vouches for it.
            if (record.Usage == DaneRecords.EndEntity && Matches(record, own))
            {
                fault = TlsFault.None;
                return "dane-ee";
            }
        }

        return records.HasAuthority && IsBelow(records, own, shown, now, ref fault, ref reason) ? "dane-ta" : null;
    }

    /// <summary>RFC 7671 §5.2: a chain from the server's certificate to one that a record speaks of, in which everything is valid, for one of the names.</summary>
    private static bool IsBelow(DaneRecords records, X509Certificate2 own, X509Certificate2Collection shown, DateTime now, ref TlsFault fault, ref string reason)
    {
        using var chain = new X509Chain { ChainPolicy = ServerChain.Policy() };
        List<X509Certificate2> inZone = InZone(records);
        try
        {
            chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
            chain.ChainPolicy.VerificationFlags = X509VerificationFlags.AllowUnknownCertificateAuthority;
            chain.ChainPolicy.VerificationTime = now;
            chain.ChainPolicy.ExtraStore.AddRange(shown);
            chain.ChainPolicy.ExtraStore.AddRange(inZone.ToArray());
            // Whether it as a whole is trusted is nothing to us: the way up to the authority is what counts, and its elements say what is wrong with each.
            chain.Build(own);
            X509ChainStatusFlags wrong = default;
            for (int i = 0; i < chain.ChainElements.Count; i++)
            {
                X509ChainElement element = chain.ChainElements[i];
                foreach (X509ChainStatus status in element.ChainElementStatus)
                {
                    wrong |= status.Status & ~NoAuthority;
                }

                // The server's own certificate is below an authority and not one itself.
                if (i == 0 || !records.Records.Any(r => r.Usage == DaneRecords.Authority && Matches(r, element.Certificate)))
                {
                    continue;
                }

                // Where the chain ends with it, nobody has looked at its dates yet.
                if (now < element.Certificate.NotBefore || now > element.Certificate.NotAfter)
                {
                    wrong |= X509ChainStatusFlags.NotTimeValid;
                }

                if (wrong != X509ChainStatusFlags.NoError)
                {
                    fault = wrong == X509ChainStatusFlags.NotTimeValid ? TlsFault.CertificateExpired : TlsFault.CertificateNotTrusted;
                    reason = $"the chain below the authority that the TLSA records name is not valid: {wrong}";
                    return false;
                }

                if (!records.Names.Any(name => own.MatchesHostname(name, allowWildcards: true, allowCommonName: false)))
                {
                    fault = TlsFault.CertificateHostMismatch;
                    reason = $"the server's certificate is not for {string.Join(" or ", records.Names)}";
                    return false;
                }

                fault = TlsFault.None;
                return true;
            }

            return false;
        }
        finally
        {
            foreach (X509Certificate2 certificate in inZone.Concat(chain.ChainElements.Select(static e => e.Certificate)))
            {
                certificate.Dispose();
            }
        }
    }

    /// <summary>A record may hold the authority's whole certificate, which the server needn't show then.</summary>
    private static List<X509Certificate2> InZone(DaneRecords records)
    {
        var found = new List<X509Certificate2>();
        foreach (TlsaRecord record in records.Records)
        {
            if (record is not { Usage: DaneRecords.Authority, Selector: FullCertificate, MatchingType: 0 })
            {
                continue;
            }

            try
            {
                found.Add(X509CertificateLoader.LoadCertificate(Convert.FromHexString(record.Data)));
            }
            catch (CryptographicException)
            {
                // Something else than a certificate: nothing will match it.
            }
        }

        return found;
    }

    private static bool Matches(TlsaRecord record, X509Certificate2 certificate)
    {
        ReadOnlySpan<byte> part = record.Selector == FullCertificate ? certificate.RawDataMemory.Span : certificate.PublicKey.ExportSubjectPublicKeyInfo();
        return record.Data == record.MatchingType switch
        {
            0 => Convert.ToHexString(part),
            1 => Convert.ToHexString(SHA256.HashData(part)),
            _ => Convert.ToHexString(SHA512.HashData(part)),
        };
    }
}
