using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Relay.Tls;

/// <summary>A certificate that a client has shown, and whose key it has. Immutable; any thread.</summary>
public sealed class ClientCertificate
{
    private const string AlternativeNames = "2.5.29.17";

    /// <summary>More names than anybody has.</summary>
    private const int MaximumNames = 100;

    private static readonly Asn1Tag Rfc822Name = new(TagClass.ContextSpecific, 1);
    private static readonly Asn1Tag DnsName = new(TagClass.ContextSpecific, 2);

    /// <summary><paramref name="fingerprint"/> is SHA-256 over the whole, in lower-case hexadecimal.</summary>
    public ClientCertificate(string fingerprint, bool isVerified, IReadOnlyList<string> mailboxes, IReadOnlyList<string> hosts)
    {
        Fingerprint = fingerprint;
        IsVerified = isVerified;
        Mailboxes = mailboxes;
        Hosts = hosts;
    }

    public string Fingerprint { get; }

    /// <summary>An authority that is configured for it vouches for what stands in it. Otherwise only the fingerprint says anything.</summary>
    public bool IsVerified { get; }

    /// <summary>The rfc822Name of its alternative names (RFC 5280 §4.2.1.6).</summary>
    public IReadOnlyList<string> Mailboxes { get; }

    /// <summary>The dNSName of its alternative names, in lower case.</summary>
    public IReadOnlyList<string> Hosts { get; }

    internal static ClientCertificate Of(X509Certificate2 certificate, bool isVerified)
    {
        (IReadOnlyList<string> mailboxes, IReadOnlyList<string> hosts) = certificate.Extensions[AlternativeNames] is { } names ? ReadNames(names.RawData) : ([], []);
        return new ClientCertificate(certificate.GetCertHashString(HashAlgorithmName.SHA256).ToLowerInvariant(), isVerified, mailboxes, hosts);
    }

    /// <summary>The names in the extension's value. What is malformed names nobody.</summary>
    internal static (IReadOnlyList<string> Mailboxes, IReadOnlyList<string> Hosts) ReadNames(byte[] extension)
    {
        var mailboxes = new List<string>();
        var hosts = new List<string>();
        try
        {
            var whole = new AsnReader(extension, AsnEncodingRules.DER);
            AsnReader names = whole.ReadSequence();
            whole.ThrowIfNotEmpty();
            for (int i = 0; names.HasData && i < MaximumNames; i++)
            {
                Asn1Tag tag = names.PeekTag();
                if (tag == Rfc822Name)
                {
                    mailboxes.Add(names.ReadCharacterString(UniversalTagNumber.IA5String, tag));
                }
                else if (tag == DnsName)
                {
                    hosts.Add(names.ReadCharacterString(UniversalTagNumber.IA5String, tag).ToLowerInvariant());
                }
                else
                {
                    names.ReadEncodedValue();
                }
            }

            return (mailboxes, hosts);
        }
        catch (AsnContentException)
        {
            return ([], []);
        }
    }
}
