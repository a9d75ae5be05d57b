using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Relay.Tls;

namespace Relay.Tests.Support;

/// <summary>A folder with certificates that an operator could have there, and an authority that vouches for clients. They are valid from a month before the given time.</summary>
internal sealed class CertificateFolder : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("relay-tls-").FullName;
    private readonly DateTimeOffset _now;

    public CertificateFolder(DateTimeOffset now)
    {
        _now = now;
        Authority = Make("CN=authority", [], [], 365, isAuthority: true);
        File.WriteAllText(AuthorityPath, Authority.ExportCertificatePem());
    }

    public X509Certificate2 Authority { get; }

    public string AuthorityPath => Path.Combine(_folder, "authority.pem");

    public string PathOf(string name) => Path.Combine(_folder, name);

    /// <summary>A pair of PEM files, each replaced at once; what stood there before is gone.</summary>
    public CertificateOptions Write(string name, string[] hosts, int days = 90)
    {
        using X509Certificate2 certificate = Make("CN=" + name, hosts, [], days);
        WriteCertificate(name, certificate);
        WriteKey(name, certificate);
        return Options(name);
    }

    public CertificateOptions Options(string name) => new(PathOf(name + ".pem"), PathOf(name + ".key"));

    public void WriteCertificate(string name, X509Certificate2 certificate) => Replace(PathOf(name + ".pem"), certificate.ExportCertificatePem());

    public void WriteKey(string name, X509Certificate2 certificate) => Replace(PathOf(name + ".key"), certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());

    public X509Certificate2 Server(string name, int days = 90) => Make("CN=" + name, [name], [], days);

    /// <summary>A client's certificate, by the authority or by itself.</summary>
    public X509Certificate2 Client(bool isVerified, params string[] mailboxes) => Make("CN=client", [], mailboxes, 90, isVerified);

    public X509Certificate2 Make(string subject, string[] hosts, string[] mailboxes, int days, bool isVerified = false, bool isAuthority = false)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(subject, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(isAuthority, false, 0, true));
        var names = new SubjectAlternativeNameBuilder();
        Array.ForEach(hosts, names.AddDnsName);
        Array.ForEach(mailboxes, names.AddEmailAddress);
        if (hosts.Length + mailboxes.Length > 0)
        {
            request.CertificateExtensions.Add(names.Build());
        }

        DateTimeOffset start = _now.AddDays(-30);
        if (!isVerified)
        {
            return request.CreateSelfSigned(start, _now.AddDays(days));
        }

        using X509Certificate2 bare = request.Create(Authority, start, _now.AddDays(days), RandomNumberGenerator.GetBytes(16));
        return bare.CopyWithPrivateKey(key);
    }

    public void Dispose()
    {
        Authority.Dispose();
        Directory.Delete(_folder, true);
    }

    private static void Replace(string path, string text)
    {
        File.WriteAllText(path + ".new", text);
        File.Move(path + ".new", path, overwrite: true);
    }
}
