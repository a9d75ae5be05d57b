using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace Relay.Tls;

/// <summary>The certificate by which this relay proves to other servers who it is, where they ask. One instance for each reading of its files: connections made with another one aren't shared. Any thread.</summary>
internal sealed class ClientCertificate
{
    private ClientCertificate(SslStreamCertificateContext context) => Context = context;

    public SslStreamCertificateContext Context { get; }

    /// <summary>Reads the files. Throws IOException or CryptographicException for files that the configuration's check would have refused.</summary>
    public static ClientCertificate Load(CertificateOptions options)
    {
        string pem = File.ReadAllText(options.CertificatePath);
        var certificate = X509Certificate2.CreateFromPem(pem, File.ReadAllText(options.KeyPath));
        var chain = new X509Certificate2Collection();
        chain.ImportFromPem(pem);
        chain.RemoveAt(0);
        return new ClientCertificate(SslStreamCertificateContext.Create(certificate, chain, offline: true));
    }
}
