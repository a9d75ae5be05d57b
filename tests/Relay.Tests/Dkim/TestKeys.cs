using MimeKit;
using MimeKit.Cryptography;
using Org.BouncyCastle.Crypto;
using Org.BouncyCastle.Crypto.Parameters;
using Org.BouncyCastle.Security;
using Relay.Dkim;
using Relay.Protocol.Dkim;

namespace Relay.Tests.Dkim;

/// <summary>Keys in a folder of their own, and MimeKit, which knows their public halves.</summary>
internal sealed class TestKeys : IDkimPublicKeyLocator, IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("relay-dkim-").FullName;
    private readonly Dictionary<string, AsymmetricKeyParameter> _public = [];

    /// <summary>A new key.</summary>
    public DkimKeyOptions Add(string domain, string selector, bool ed25519 = false, DkimCanonicalization header = DkimCanonicalization.Relaxed, DkimCanonicalization body = DkimCanonicalization.Relaxed, params string[] from)
    {
        string path = Path.Combine(_folder, $"{domain}.{selector}.pem");
        File.WriteAllText(path, ed25519 ? DkimKeyFile.NewEd25519() : DkimKeyFile.NewRsa(1024));
        byte[] record = Convert.FromBase64String(DkimKeyFile.Load(path).DnsRecord.Split("p=")[1]);
        _public[$"{selector}._domainkey.{domain}"] = ed25519 ? new Ed25519PublicKeyParameters(record) : PublicKeyFactory.CreateKey(record);
        return new DkimKeyOptions { Domain = domain, Selector = selector, KeyPath = path, HeaderForm = header, BodyForm = body, From = from };
    }

    /// <summary>How many signatures the message has; each must be right.</summary>
    public int Verify(byte[] message)
    {
        using var stream = new MemoryStream(message);
        MimeMessage parsed = MimeMessage.Load(ParserOptions.Default, stream, persistent: true);
        var verifier = new DkimVerifier(this) { MinimumRsaKeyLength = 1024 };
        int count = 0;
        foreach (Header header in parsed.Headers.Where(static h => h.Id == HeaderId.DkimSignature))
        {
            Assert.True(verifier.Verify(parsed, header), header.Value);
            count++;
        }

        return count;
    }

    public AsymmetricKeyParameter LocatePublicKey(string methods, string domain, string selector, CancellationToken cancellationToken = default) => _public[$"{selector}._domainkey.{domain}"];

    public Task<AsymmetricKeyParameter> LocatePublicKeyAsync(string methods, string domain, string selector, CancellationToken cancellationToken = default) => Task.FromResult(LocatePublicKey(methods, domain, selector, cancellationToken));

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
