using System.Security.Cryptography;
using Relay.Dkim;
using Relay.Protocol.Dkim;

namespace Relay.Tests.Dkim;

public sealed class DkimKeyFileTests
{
    [Fact]
    public void What_it_makes_it_reads()
    {
        Assert.Null(DkimKeyFile.TryParse(DkimKeyFile.NewRsa(2048), out DkimPrivateKey? rsa));
        Assert.Equal(DkimAlgorithm.RsaSha256, rsa!.Algorithm);
        Assert.StartsWith("v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A", rsa.DnsRecord, StringComparison.Ordinal);
        Assert.Null(DkimKeyFile.TryParse(DkimKeyFile.NewEd25519(), out DkimPrivateKey? ed25519));
        Assert.Equal(DkimAlgorithm.Ed25519Sha256, ed25519!.Algorithm);
        Assert.Equal("v=DKIM1; k=ed25519; p=".Length + 44, ed25519.DnsRecord.Length);
    }

    [Fact]
    public void The_older_form_of_RSA_keys_is_read_too()
    {
        using var rsa = RSA.Create(1024);
        Assert.Null(DkimKeyFile.TryParse("comment\n" + rsa.ExportRSAPrivateKeyPem(), out DkimPrivateKey? key));
        Assert.Equal(DkimAlgorithm.RsaSha256, key!.Algorithm);
    }

    [Fact]
    public void RFC_8463_s_key_has_the_public_half_that_the_RFC_prints()
    {
        // Appendix A.2.
        byte[] seed = Convert.FromBase64String("nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=");
        string pem = PemEncoding.WriteString("PRIVATE KEY", [.. Convert.FromHexString("302e020100300506032b657004220420"), .. seed]);

        Assert.Null(DkimKeyFile.TryParse(pem, out DkimPrivateKey? key));

        Assert.Equal("v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", key!.DnsRecord);
    }

    [Theory]
    [InlineData("", "holds no private key in PEM form")]
    [InlineData("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----", "holds a CERTIFICATE, not a PRIVATE KEY")]
    [InlineData("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----", "is encrypted")]
    [InlineData("-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----", "holds no RSA or Ed25519 key")]
    [InlineData("-----BEGIN RSA PRIVATE KEY-----\nMAA=\n-----END RSA PRIVATE KEY-----", "holds no RSA or Ed25519 key")]
    public void What_is_no_such_key_is_refused_with_what_it_is(string pem, string says) => Assert.StartsWith(says, DkimKeyFile.TryParse(pem, out _), StringComparison.Ordinal);

    [Fact]
    public void Keys_of_other_kinds_and_lengths_are_refused()
    {
        using var ec = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        Assert.StartsWith("holds no RSA or Ed25519 key", DkimKeyFile.TryParse(ec.ExportPkcs8PrivateKeyPem(), out _), StringComparison.Ordinal);
        using var small = RSA.Create(512);
        Assert.Equal("holds an RSA key of 512 bits; it must have 1024 to 4096, and should have 2048", DkimKeyFile.TryParse(small.ExportPkcs8PrivateKeyPem(), out _));
    }
}
