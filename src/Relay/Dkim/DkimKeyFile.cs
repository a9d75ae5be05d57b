using System.Security.Cryptography;
using Org.BouncyCastle.Crypto.Parameters;
using Org.BouncyCastle.Security;

namespace Relay.Dkim;

/// <summary>Reads private keys for DKIM, and makes them. PEM as OpenSSL writes it: PKCS#8 ("PRIVATE KEY") or PKCS#1 ("RSA PRIVATE KEY"), not encrypted.</summary>
public static class DkimKeyFile
{
    /// <summary>RFC 8301 §3.2: what is shorter counts as no signature at all.</summary>
    public const int ShortestRsa = 1024;

    /// <summary>RFC 8301 §3.2 asks verifiers for up to 4096; DNS answers get too long beyond.</summary>
    public const int LongestRsa = 4096;

    /// <summary>PKCS#8 of an Ed25519 key (RFC 8410 §7), up to its 32 octets.</summary>
    private static readonly byte[] Ed25519Prefix = Convert.FromHexString("302e020100300506032b657004220420");

    /// <summary>Throws IOException when the file can't be read, CryptographicException with a clear line when it holds no key that can be used.</summary>
    public static DkimPrivateKey Load(string path)
    {
        string pem = File.ReadAllText(path);
        return TryParse(pem, out DkimPrivateKey? key) is { } wrong ? throw new CryptographicException($"{path} {wrong}") : key!;
    }

    /// <summary>Null, or what is wrong, to be read behind the file's name.</summary>
    public static string? TryParse(string pem, out DkimPrivateKey? key)
    {
        key = null;
        if (!PemEncoding.TryFind(pem, out PemFields fields))
        {
            return "holds no private key in PEM form";
        }

        string label = pem[fields.Label];
        if (label is not ("PRIVATE KEY" or "RSA PRIVATE KEY"))
        {
            return label == "ENCRYPTED PRIVATE KEY"
                ? "is encrypted: the relay starts without anybody to type a password; give it the key in clear with mode 0600"
                : $"holds a {label}, not a PRIVATE KEY";
        }

        byte[] der = Convert.FromBase64String(pem[fields.Base64Data]);
        try
        {
            if (label == "PRIVATE KEY" && PrivateKeyFactory.CreateKey(der) is Ed25519PrivateKeyParameters ed25519)
            {
                key = new DkimPrivateKey(ed25519);
                return null;
            }

            RSA rsa = RSA.Create();
            rsa.ImportFromPem(pem);
            if (rsa.KeySize is < ShortestRsa or > LongestRsa)
            {
                int size = rsa.KeySize;
                rsa.Dispose();
                return $"holds an RSA key of {size} bits; it must have {ShortestRsa} to {LongestRsa}, and should have 2048";
            }

            key = new DkimPrivateKey(rsa);
            return null;
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException or InvalidKeyException or GeneralSecurityException or IOException or InvalidCastException)
        {
            return $"holds no RSA or Ed25519 key: {e.Message.ReplaceLineEndings(" ")}";
        }
    }

    /// <summary>A new RSA key as PEM.</summary>
    public static string NewRsa(int bits)
    {
        using var rsa = RSA.Create(bits);
        return rsa.ExportPkcs8PrivateKeyPem() + "\n";
    }

    /// <summary>A new Ed25519 key as PEM.</summary>
    public static string NewEd25519()
    {
        byte[] seed = RandomNumberGenerator.GetBytes(Ed25519PrivateKeyParameters.KeySize);
        return PemEncoding.WriteString("PRIVATE KEY", [.. Ed25519Prefix, .. seed]) + "\n";
    }
}
