using System.Collections.Frozen;
using System.Security.Cryptography.X509Certificates;

namespace Relay.Tls;

/// <summary>The certificates of ours at one moment, and whose word is taken for clients'. Immutable; any thread.</summary>
internal sealed class CertificateSet
{
    private readonly FrozenDictionary<string, LoadedCertificate> _byName;

    /// <summary>One certificate at least; the first one is the default.</summary>
    public CertificateSet(IReadOnlyList<LoadedCertificate> all, X509Certificate2Collection? clientAuthorities)
    {
        All = all;
        ClientAuthorities = clientAuthorities;
        var byName = new Dictionary<string, LoadedCertificate>(StringComparer.OrdinalIgnoreCase);
        foreach (LoadedCertificate certificate in all)
        {
            foreach (string name in certificate.Names)
            {
                byName.TryAdd(name, certificate);
            }
        }

        _byName = byName.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);
    }

    public IReadOnlyList<LoadedCertificate> All { get; }

    /// <summary>Null: none are configured.</summary>
    public X509Certificate2Collection? ClientAuthorities { get; }

    /// <summary>The certificate for a server name as the client wrote it (RFC 6066 §3); a star stands for one label (RFC 9525 §6.3). An unknown or empty name gets the default.</summary>
    public LoadedCertificate Find(string serverName)
    {
        if (All.Count > 1 && serverName.Length > 0)
        {
            if (_byName.TryGetValue(serverName, out LoadedCertificate? certificate))
            {
                return certificate;
            }

            int dot = serverName.IndexOf('.', StringComparison.Ordinal);
            if (dot > 0 && _byName.TryGetValue(string.Concat("*", serverName.AsSpan(dot)), out certificate))
            {
                return certificate;
            }
        }

        return All[0];
    }
}
