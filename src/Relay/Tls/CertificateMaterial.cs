using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Relay.Tls;

/// <summary>What stood in the files of a certificate at one moment. The key's octets are overwritten once it is parsed. One thread's.</summary>
internal sealed class CertificateMaterial
{
    /// <summary>A longer file is another one.</summary>
    private const int MaximumSize = 1 << 20;

    private readonly CertificateOptions _files;
    private readonly byte[] _certificate;
    private readonly byte[]? _key;

    private CertificateMaterial(CertificateOptions files, byte[] certificate, byte[]? key)
    {
        _files = files;
        _certificate = certificate;
        _key = key;
        Digest = SHA256.HashData([.. SHA256.HashData(certificate), .. SHA256.HashData(key ?? [])]);
    }

    /// <summary>Tells one content from another.</summary>
    public byte[] Digest { get; }

    /// <summary>Throws IOException or UnauthorizedAccessException when a file can't be read.</summary>
    public static CertificateMaterial Read(CertificateOptions files) => new(files, ReadFile(files.CertificatePath), files.KeyPath is { } key ? ReadFile(key) : null);

    /// <summary>The certificate with its key and chain. Throws CryptographicException when the files don't give one, or not one that goes together.</summary>
    public SslStreamCertificateContext Parse()
    {
        var chain = new X509Certificate2Collection();
        string? wrong = TryParse(out X509Certificate2? certificate, chain, out _);
        // Offline: a handshake must not wait for somebody else's web server.
        return certificate is not null ? SslStreamCertificateContext.Create(certificate, chain, offline: true) : throw new CryptographicException(wrong);
    }

    /// <summary>Null, or what is wrong in one line. <paramref name="inKey"/>: with the key, not with the certificate. Once only.</summary>
    public string? TryParse(out X509Certificate2? certificate, X509Certificate2Collection chain, out bool inKey)
    {
        inKey = false;
        try
        {
            return _certificate.AsSpan().IndexOf("-----BEGIN "u8) < 0 ? TryParsePfx(out certificate, chain) : TryParsePem(out certificate, chain, out inKey);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(_certificate);
            CryptographicOperations.ZeroMemory(_key);
        }
    }

    private string? TryParsePfx(out X509Certificate2? certificate, X509Certificate2Collection chain)
    {
        certificate = null;
        if (_key is not null)
        {
            return $"{_files.CertificatePath} holds no certificate in PEM form; when it is a PFX file, leave the key out: it is inside";
        }

        try
        {
            chain.AddRange(X509CertificateLoader.LoadPkcs12Collection(_certificate, _files.Password));
        }
        catch (CryptographicException e)
        {
            return $"{_files.CertificatePath} is neither PEM nor a PFX file with {(_files.Password is null ? "no password" : "this password")}: {e.Message}";
        }

        certificate = chain.FirstOrDefault(static c => c.HasPrivateKey);
        return certificate is null ? $"{_files.CertificatePath} holds no private key" : null;
    }

    private string? TryParsePem(out X509Certificate2? certificate, X509Certificate2Collection chain, out bool inKey)
    {
        certificate = null;
        inKey = false;
        string keyPath = _files.KeyPath ?? _files.CertificatePath;
        char[] text = Encoding.Latin1.GetChars(_certificate);
        char[] key = _key is null ? text : Encoding.Latin1.GetChars(_key);
        try
        {
            chain.ImportFromPem(text);
            if (chain.Count == 0)
            {
                return $"{_files.CertificatePath} holds no certificate in PEM form";
            }

            if (_key is null && !Contains(text, "PRIVATE KEY-----"))
            {
                return $"{_files.CertificatePath} holds no private key: name the file that does";
            }

            inKey = true;
            if (Contains(key, "Proc-Type: 4,ENCRYPTED"))
            {
                return $"{keyPath} is encrypted in OpenSSL's own old form: `openssl pkcs8 -topk8` makes one that can be read";
            }

            bool isEncrypted = Contains(key, "-----BEGIN ENCRYPTED PRIVATE KEY-----");
            if (isEncrypted && _files.Password is null)
            {
                return $"{keyPath} is encrypted: give its password, or the key in clear with mode 0600";
            }

            certificate = isEncrypted ? X509Certificate2.CreateFromEncryptedPem(text, key, _files.Password) : X509Certificate2.CreateFromPem(text, key);
            inKey = false;
            return null;
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            return inKey ? $"{keyPath} is not the private key of {_files.CertificatePath} in PEM form{(_files.Password is null ? "" : ", or has another password")}: {e.Message}"
                : $"{_files.CertificatePath} holds no certificate in PEM form: {e.Message}";
        }
        finally
        {
            Array.Clear(text);
            Array.Clear(key);
        }
    }

    private static bool Contains(char[] text, string part) => text.AsSpan().Contains(part, StringComparison.Ordinal);

    private static byte[] ReadFile(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        if (file.Length > MaximumSize)
        {
            throw new IOException($"{path} is no certificate or key: it is larger than {MaximumSize} octets");
        }

        byte[] content = new byte[file.Length];
        // It may have become shorter since.
        int length = file.ReadAtLeast(content, content.Length, throwOnEndOfStream: false);
        return content[..length];
    }
}
