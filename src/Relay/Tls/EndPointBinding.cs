using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Relay.Tls;

/// <summary>The channel binding tls-server-end-point (RFC 5929 §4): the hash of the certificate that the server showed, by the hash algorithm of the certificate's own signature. Stateless; any thread.</summary>
internal static class EndPointBinding
{
    private const string Pss = "1.2.840.113549.1.1.10";

    /// <summary>MD5 and SHA-1 are replaced by SHA-256, as the RFC says; so is what has no hash of its own, where it says nothing.</summary>
    public static byte[] Of(X509Certificate2 certificate) => AlgorithmOf(certificate) switch
    {
        // sha384WithRSAEncryption, ecdsa-with-SHA384, id-sha384.
        "1.2.840.113549.1.1.12" or "1.2.840.10045.4.3.3" or "2.16.840.1.101.3.4.2.2" => SHA384.HashData(certificate.RawDataMemory.Span),
        // The same with SHA-512.
        "1.2.840.113549.1.1.13" or "1.2.840.10045.4.3.4" or "2.16.840.1.101.3.4.2.3" => SHA512.HashData(certificate.RawDataMemory.Span),
        _ => SHA256.HashData(certificate.RawDataMemory.Span),
    };

    /// <summary>The signature's algorithm; of RSASSA-PSS, which leaves it to its parameters, the hash's (RFC 4055 §3.1).</summary>
    private static string? AlgorithmOf(X509Certificate2 certificate)
    {
        if (certificate.SignatureAlgorithm.Value != Pss)
        {
            return certificate.SignatureAlgorithm.Value;
        }

        AsnReader signed = new AsnReader(certificate.RawDataMemory, AsnEncodingRules.DER).ReadSequence();
        signed.ReadEncodedValue();
        AsnReader algorithm = signed.ReadSequence();
        algorithm.ReadObjectIdentifier();
        AsnReader parameters = algorithm.ReadSequence();
        var hash = new Asn1Tag(TagClass.ContextSpecific, 0, isConstructed: true);
        // Without it, it is SHA-1.
        return parameters.HasData && parameters.PeekTag() == hash ? parameters.ReadSequence(hash).ReadSequence().ReadObjectIdentifier() : null;
    }
}
