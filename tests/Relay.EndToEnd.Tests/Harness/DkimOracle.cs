using System.Globalization;
using System.Text.RegularExpressions;
using MimeKit;
using MimeKit.Cryptography;
using Org.BouncyCastle.Crypto;
using Org.BouncyCastle.Crypto.Parameters;
using Org.BouncyCastle.Security;

namespace Relay.EndToEnd.Tests.Harness;

/// <summary>Those who verify signatures and are not ours: MimeKit both algorithms, OpenDKIM RSA. What DNS would say is read off what `relay dkim keygen` printed.</summary>
internal sealed partial class DkimOracle : IDkimPublicKeyLocator, IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly Dictionary<string, string> _records = [];

    /// <summary>Makes a key with `relay dkim keygen`; returns its lines for the configuration.</summary>
    public async Task<string> KeyAsync(string domain, string selector, params string[] options)
    {
        await using ToolProcess keygen = await RelayProcess.CommandAsync(["dkim", "keygen", domain, "--selector", selector, "--key", _folder.File($"{selector}.pem"), .. options]);
        Assert.True(keygen.ExitCode == 0, keygen.Transcript);
        string record = Assert.Single(keygen.Output, static line => line.Contains(" IN TXT ", StringComparison.Ordinal));
        string text = string.Concat(Quoted().Matches(record).Select(static m => m.Groups["text"].Value));
        _records.Add(record[..record.IndexOf(". IN TXT", StringComparison.Ordinal)], text);
        return string.Join('\n', keygen.Output.SkipWhile(static line => line != "[[dkim]]"));
    }

    /// <summary>What DNS would say of a key.</summary>
    public string Record(string domain, string selector) => _records[$"{selector}._domainkey.{domain}"];

    /// <summary>The private key that <see cref="KeyAsync"/> made.</summary>
    public string KeyFile(string selector) => _folder.File($"{selector}.pem");

    /// <summary>How many signatures MimeKit found; each was right.</summary>
    public int VerifyWithMimeKit(byte[] message)
    {
        using var stream = new MemoryStream(message);
        MimeMessage parsed = MimeMessage.Load(stream, persistent: true, TestContext.Current.CancellationToken);
        Header[] signatures = [.. parsed.Headers.Where(static h => h.Id == HeaderId.DkimSignature)];
        var verifier = new DkimVerifier(this);
        Assert.All(signatures, s => Assert.True(verifier.Verify(parsed, s, TestContext.Current.CancellationToken), s.Value));
        return signatures.Length;
    }

    /// <summary>OpenDKIM in its test mode reads all messages and says of each whether its RSA signature is right.</summary>
    public async Task VerifyWithOpenDkimAsync(IReadOnlyList<byte[]> messages)
    {
        string keys = _folder.Write("keys", string.Concat(_records.Where(static r => r.Value.Contains("k=rsa", StringComparison.Ordinal)).Select(static r => $"{r.Key} {r.Value}\n")));
        string settings = _folder.Write("opendkim.conf", $"Mode v\nTestPublicKeys {keys}\nOn-BadSignature reject\nOn-KeyNotFound reject\nOn-NoSignature reject\nOn-SignatureError reject\n");
        foreach (byte[][] some in messages.Chunk(200))
        {
            var files = new List<string>();
            foreach (byte[] message in some)
            {
                files.Add(_folder.File(string.Create(CultureInfo.InvariantCulture, $"{files.Count}.eml")));
                await File.WriteAllBytesAsync(files[^1], message, TestContext.Current.CancellationToken);
            }

            await using ToolProcess verifier = await ToolProcess.RunAsync(Tool.Find("opendkim", "opendkim"), ["-x", settings, "-t", string.Join(',', files)]);
            Assert.True(verifier.ExitCode == 0, verifier.Transcript);
            string[] verdicts = [.. verifier.Output.Concat(verifier.Errors).Where(static line => line.Contains("verification", StringComparison.Ordinal))];
            Assert.True(verdicts.Length == files.Count && verdicts.All(static v => v.EndsWith("succeeded", StringComparison.Ordinal)), verifier.Transcript);
        }
    }

    public AsymmetricKeyParameter LocatePublicKey(string methods, string domain, string selector, CancellationToken cancellationToken = default)
    {
        string record = _records[$"{selector}._domainkey.{domain}"];
        byte[] key = Convert.FromBase64String(record[(record.IndexOf("p=", StringComparison.Ordinal) + 2)..]);
        return record.Contains("k=rsa", StringComparison.Ordinal) ? PublicKeyFactory.CreateKey(key) : new Ed25519PublicKeyParameters(key);
    }

    public Task<AsymmetricKeyParameter> LocatePublicKeyAsync(string methods, string domain, string selector, CancellationToken cancellationToken = default) => Task.FromResult(LocatePublicKey(methods, domain, selector, cancellationToken));

    public void Dispose() => _folder.Dispose();

    [GeneratedRegex("\"(?<text>[^\"]*)\"", RegexOptions.None, 10_000)]
    private static partial Regex Quoted();
}
