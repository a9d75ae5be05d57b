using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace Relay.Tls;

/// <summary>The files of a certificate of ours, PEM. <see cref="CertificatePath"/> may hold the chain, leaf first.</summary>
public sealed record CertificateOptions(string CertificatePath, string KeyPath)
{
    /// <summary>Reads the files, anew each time. Throws IOException or CryptographicException when they can't be used.</summary>
    internal SslStreamCertificateContext Load()
    {
        var chain = new X509Certificate2Collection();
        chain.ImportFromPemFile(CertificatePath);
        // Offline: a handshake must not wait for somebody else's web server.
        return SslStreamCertificateContext.Create(X509Certificate2.CreateFromPemFile(CertificatePath, KeyPath), chain, offline: true);
    }
}
