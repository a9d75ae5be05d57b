using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Relay.EndToEnd.Tests.Harness;

/// <summary>
/// A certificate authority of a test's own, with an intermediate below it. What it issues is valid from a day ago for a month, unless said otherwise. A relay trusts it with <see cref="Trusted"/> as its environment.
/// </summary>
internal sealed class TestAuthority : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly DateTimeOffset _now = TimeProvider.System.GetUtcNow();

    public TestAuthority()
    {
        Root = Issue("CN=root of a test", null, isAuthority: true);
        Intermediate = Issue("CN=intermediate of a test", Root, isAuthority: true);
        _folder.Write("root.pem", Root.ExportCertificatePem());
    }

    public X509Certificate2 Root { get; }

    public X509Certificate2 Intermediate { get; }

    public string RootPem => _folder.File("root.pem");

    /// <summary>The environment of a process that trusts it and nobody else.</summary>
    public IReadOnlyDictionary<string, string> Trusted => new Dictionary<string, string> { ["SSL_CERT_FILE"] = RootPem, ["SSL_CERT_DIR"] = _folder.Path };

    /// <summary>A server's certificate, by the intermediate, for these names.</summary>
    public X509Certificate2 Server(params string[] names) => Issue($"CN={names[0]}", Intermediate, names: names);

    /// <summary>By somebody else, or at another time, or with a large extension; without an issuer self-signed.</summary>
    public X509Certificate2 Issue(string subject, X509Certificate2? issuer, bool isAuthority = false, string[]? names = null, string[]? mailboxes = null, int from = -1, int until = 30, int padding = 0)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(subject, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(isAuthority, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(isAuthority ? X509KeyUsageFlags.KeyCertSign : X509KeyUsageFlags.DigitalSignature, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        if (names is not null || mailboxes is not null)
        {
            var alternative = new SubjectAlternativeNameBuilder();
            Array.ForEach(names ?? [], alternative.AddDnsName);
            Array.ForEach(mailboxes ?? [], alternative.AddEmailAddress);

            request.CertificateExtensions.Add(alternative.Build());
        }

        if (padding > 0)
        {
            request.CertificateExtensions.Add(new X509Extension("1.3.6.1.4.1.55555.1", new byte[padding], false));
        }

        DateTimeOffset start = _now.AddDays(from);
        DateTimeOffset end = _now.AddDays(until);
        if (issuer is null)
        {
            return request.CreateSelfSigned(start, end);
        }

        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(issuer, true, false));
        using X509Certificate2 bare = request.Create(issuer.SubjectName, X509SignatureGenerator.CreateForECDsa(issuer.GetECDsaPrivateKey()!), start, end, RandomNumberGenerator.GetBytes(16));
        using X509Certificate2 whole = bare.CopyWithPrivateKey(key);
        // Through PKCS 12, or SslStream doesn't find the key.
        return X509CertificateLoader.LoadPkcs12(whole.Export(X509ContentType.Pkcs12), null, X509KeyStorageFlags.Exportable);
    }

    public void Dispose()
    {
        Root.Dispose();
        Intermediate.Dispose();
        _folder.Dispose();
    }
}
