using System.Buffers;
using System.Security.Cryptography;
using BenchmarkDotNet.Attributes;
using MimeKit;
using MimeKit.Cryptography;
using Org.BouncyCastle.Crypto;
using Org.BouncyCastle.Crypto.Parameters;
using Relay.Bench.Data;
using Relay.Dkim;

namespace Relay.Bench.Dkim;

/// <summary>A message signed while it passes by on its way to the spool; SHA-256 of its octets alone is the measure. MimeKit signs a message that it has in memory already.</summary>
public class MessageSigningCost
{
    private readonly ArrayBufferWriter<byte> _stored = new(256 * 1024);
    private readonly string _folder = Directory.CreateTempSubdirectory("relay-dkim-").FullName;
    private byte[] _message = [];
    private MessageSigner _none = null!;
    private MessageSigner _rsa = null!;
    private MessageSigner _ed25519 = null!;
    private DkimSigner _mimeKit = null!;
    private MimeMessage _parsed = null!;

    [Params(4 * 1024, 100 * 1024)]
    public int Size { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _message =
        [
            .. "From: A <a@example.net>\r\nTo: b@example.org\r\nSubject: a message\r\nDate: Mon, 30 Nov 2026 08:00:00 +0000\r\nMessage-ID: <1@example.net>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\n"u8,
            .. Texts.Of(TextKind.Lines, Size),
        ];
        string rsa = Path.Combine(_folder, "rsa.pem");
        File.WriteAllText(rsa, DkimKeyFile.NewRsa(2048));
        string ed25519 = Path.Combine(_folder, "ed.pem");
        File.WriteAllText(ed25519, DkimKeyFile.NewEd25519());
        _none = Signer("other.example", rsa);
        _rsa = Signer("example.net", rsa);
        _ed25519 = Signer("example.net", ed25519);
        using var parsed = RSA.Create();
        parsed.ImportFromPem(File.ReadAllText(rsa));
        RSAParameters key = parsed.ExportParameters(true);
        AsymmetricKeyParameter secret = new RsaPrivateCrtKeyParameters(Number(key.Modulus!), Number(key.Exponent!), Number(key.D!), Number(key.P!), Number(key.Q!), Number(key.DP!), Number(key.DQ!), Number(key.InverseQ!));
        _mimeKit = new DkimSigner(secret, "example.net", "s1") { HeaderCanonicalizationAlgorithm = DkimCanonicalizationAlgorithm.Relaxed, BodyCanonicalizationAlgorithm = DkimCanonicalizationAlgorithm.Relaxed };
        _parsed = MimeMessage.Load(new MemoryStream(_message));
        Directory.Delete(_folder, recursive: true);
    }

    [Benchmark(Baseline = true)]
    public byte Sha256()
    {
        Span<byte> hash = stackalloc byte[32];
        SHA256.HashData(_message, hash);
        return hash[0];
    }

    [Benchmark]
    public int Not_signed() => Sign(_none);

    [Benchmark]
    public int Rsa_2048() => Sign(_rsa);

    [Benchmark]
    public int Ed25519() => Sign(_ed25519);

    [Benchmark]
    public void MimeKit_rsa_2048()
    {
        _parsed.Headers.RemoveAll(HeaderId.DkimSignature);
        _mimeKit.Sign(_parsed, [HeaderId.From, HeaderId.To, HeaderId.Subject, HeaderId.Date, HeaderId.MessageId, HeaderId.MimeVersion, HeaderId.ContentType]);
    }

    private static Org.BouncyCastle.Math.BigInteger Number(byte[] octets) => new(1, octets);

    private static MessageSigner Signer(string domain, string path) => new(DkimKeys.Load([new DkimKeyOptions { Domain = domain, Selector = "s1", KeyPath = path }]));

    private int Sign(MessageSigner signer)
    {
        _stored.ResetWrittenCount();
        MessageSigning signing = signer.Begin(_stored)!;
        for (int at = 0; at < _message.Length; at += 4096)
        {
            signing.Write(_message.AsSpan(at, Math.Min(4096, _message.Length - at)));
        }

        int length = signing.Sign(DateTimeOffset.UnixEpoch).Length;
        signer.Return(signing);
        return length;
    }
}
