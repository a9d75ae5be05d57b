using System.Security.Cryptography;
using Org.BouncyCastle.Crypto.Parameters;
using Org.BouncyCastle.Math.EC.Rfc8032;
using Relay.Protocol.Dkim;

namespace Relay.Dkim;

/// <summary>Signs hashes: RSA by the base class library, Ed25519, which that doesn't have, by BouncyCastle. Any thread.</summary>
public sealed class DkimPrivateKey
{
    private readonly byte[] _secret = [];
    private readonly byte[] _public = [];
    private readonly RsaCopy[] _rsa = [];

    internal DkimPrivateKey(Ed25519PrivateKeyParameters key)
    {
        Algorithm = DkimAlgorithm.Ed25519Sha256;
        _secret = key.GetEncoded();
        _public = key.GeneratePublicKey().GetEncoded();
    }

    internal DkimPrivateKey(RSA key)
    {
        Algorithm = DkimAlgorithm.RsaSha256;
        _public = key.ExportSubjectPublicKeyInfo();
        RSAParameters parameters = key.ExportParameters(true);
        // The class promises nothing about two threads at a time.
        _rsa = new RsaCopy[Environment.ProcessorCount];
        for (int i = 0; i < _rsa.Length; i++)
        {
            _rsa[i] = new RsaCopy(i == 0 ? key : RSA.Create(parameters));
        }
    }

    public DkimAlgorithm Algorithm { get; }

    /// <summary>The public key's record in DNS (RFC 6376 §3.6.1, RFC 8463 §4).</summary>
    public string DnsRecord => $"v=DKIM1; k={(Algorithm == DkimAlgorithm.RsaSha256 ? "rsa" : "ed25519")}; p={Convert.ToBase64String(_public)}";

    /// <summary>Signs a SHA-256 hash; returns the length of the signature.</summary>
    internal int Sign(ReadOnlySpan<byte> hash, Span<byte> signature)
    {
        if (Algorithm == DkimAlgorithm.RsaSha256)
        {
            RsaCopy copy = _rsa[(uint)Thread.GetCurrentProcessorId() % (uint)_rsa.Length];
            lock (copy.Gate)
            {
                return copy.Key.SignHash(hash, signature, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
            }
        }

        byte[] message = hash.ToArray();
        byte[] signed = new byte[Ed25519.SignatureSize];
        Ed25519.Sign(_secret, 0, _public, 0, message, 0, message.Length, signed, 0);
        signed.CopyTo(signature);
        return signed.Length;
    }

    private sealed class RsaCopy(RSA key)
    {
        public Lock Gate { get; } = new();

        public RSA Key => key;
    }
}
