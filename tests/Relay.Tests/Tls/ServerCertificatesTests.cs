using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Time.Testing;
using Relay.Tests.Support;
using Relay.Tls;

namespace Relay.Tests.Tls;

public sealed class ServerCertificatesTests : IDisposable
{
    private const int Changed = 50;
    private const int Unusable = 51;
    private const int Expires = 52;
    private const int Expired = 53;

    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 11, 24, 8, 0, 38, TimeSpan.Zero));
    private readonly CollectedLog _log = new();
    private readonly CertificateFolder _folder;

    public ServerCertificatesTests() => _folder = new CertificateFolder(_time.GetUtcNow());

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("", "a")]
    [InlineData("a.example", "a")]
    [InlineData("b.example", "b")]
    [InlineData("B.Example", "b")]
    [InlineData("one.wild.example", "b")]
    [InlineData("two.one.wild.example", "a")]
    [InlineData("wild.example", "a")]
    [InlineData(".wild.example", "a")]
    [InlineData("given.example", "c")]
    [InlineData("c.example", "a")]
    [InlineData("both.example", "b")]
    [InlineData("*.wild.example", "b")]
    [InlineData("unknown.example", "a")]
    public void The_certificate_is_the_first_that_has_the_name_and_else_the_default(string asked, string shown)
    {
        ServerCertificates certificates = Load(
            _folder.Write("a", ["a.example"]), _folder.Write("b", ["b.example", "*.wild.example", "both.example"]), _folder.Write("c", ["c.example"]) with { Names = ["given.example", "both.example"] });
        Assert.Equal("CN=" + shown, certificates.Current.Find(asked).Context.TargetCertificate.Subject);
    }

    [Fact]
    public void A_certificate_that_is_renewed_file_by_file_is_shown_when_its_key_is_there_and_until_then_the_old_one()
    {
        ServerCertificates certificates = Load(_folder.Write("a", ["a.example"]));
        LoadedCertificate old = certificates.Current.All[0];
        using X509Certificate2 renewed = _folder.Server("renewed.example");

        _folder.WriteCertificate("a", renewed);
        certificates.Look();
        certificates.Look();
        Assert.Same(old, certificates.Current.All[0]);
        Assert.Equal([Unusable], Ids());

        _folder.WriteKey("a", renewed);
        certificates.Look();
        Assert.Equal(renewed.RawData, certificates.Current.All[0].Context.TargetCertificate.RawData);
        Assert.Equal([Unusable, Changed], Ids());

        File.WriteAllText(_folder.Options("a").CertificatePath, "half");
        certificates.Look();
        File.Delete(_folder.Options("a").CertificatePath);
        certificates.Look();
        Assert.Equal(renewed.RawData, certificates.Current.All[0].Context.TargetCertificate.RawData);
        Assert.Equal([Unusable, Changed, Unusable], Ids());
    }

    [Fact]
    public void Links_that_are_turned_elsewhere_are_a_change_whatever_their_age_and_size()
    {
        CertificateOptions first = _folder.Write("first", ["a.example"]);
        CertificateOptions second = _folder.Write("second", ["a.example"]);
        foreach (string file in (string[])[first.CertificatePath, first.KeyPath!, second.CertificatePath, second.KeyPath!])
        {
            File.SetLastWriteTimeUtc(file, _time.GetUtcNow().UtcDateTime);
        }

        CertificateOptions live = _folder.Options("live");
        File.CreateSymbolicLink(live.CertificatePath, first.CertificatePath);
        File.CreateSymbolicLink(live.KeyPath!, first.KeyPath!);
        ServerCertificates certificates = Load(live);
        File.Delete(live.CertificatePath);
        File.CreateSymbolicLink(live.CertificatePath, second.CertificatePath);
        File.Delete(live.KeyPath!);
        File.CreateSymbolicLink(live.KeyPath!, second.KeyPath!);
        certificates.Look();
        Assert.Equal("CN=second", certificates.Current.All[0].Context.TargetCertificate.Subject);
    }

    [Fact]
    public void What_has_not_changed_is_kept_over_a_reload_so_that_sessions_can_be_resumed()
    {
        TlsOptions options = new() { Certificates = [_folder.Write("a", ["a.example"]), _folder.Write("b", ["b.example"])] };
        var certificates = ServerCertificates.Load(options, "relay.example", _time, _log);
        IReadOnlyList<LoadedCertificate> before = certificates.Current.All;
        _folder.Write("b", ["b.example"]);
        certificates.Reload(options with { Certificates = [options.Certificates[0] with { }, options.Certificates[1]] }, "relay.example");
        Assert.Same(before[0], certificates.Current.All[0]);
        Assert.NotSame(before[1], certificates.Current.All[1]);
    }

    [Fact]
    public void Expiry_is_told_once_a_day_from_a_fortnight_before_on_until_the_renewal()
    {
        ServerCertificates certificates = Load(_folder.Write("a", ["a.example"], days: 20));
        certificates.Look();
        Assert.Empty(_log.Lines);
        _time.Advance(TimeSpan.FromDays(6.5));
        certificates.Look();
        certificates.Look();
        Assert.Equal([Expires], Ids());
        Assert.Contains("in 13 days", _log.Lines[0].Text, StringComparison.Ordinal);
        _time.Advance(TimeSpan.FromDays(14));
        certificates.Look();
        Assert.Equal([Expires, Expired], Ids());
        Assert.Equal(("a.example", -0.5), Assert.Single(certificates.Expiries().Select(static e => (e.Name, Math.Round(e.Left.TotalDays, 3)))));
        _folder.Write("a", ["a.example"]);
        certificates.Look();
        _time.Advance(TimeSpan.FromDays(2));
        certificates.Look();
        Assert.Equal([Expires, Expired, Changed], Ids());
    }

    [Fact]
    public void A_key_may_be_encrypted_or_stand_in_the_certificates_file_or_both_in_a_pfx_file()
    {
        using X509Certificate2 certificate = _folder.Server("a.example");
        using ECDsa key = certificate.GetECDsaPrivateKey()!;
        var encryption = new PbeParameters(PbeEncryptionAlgorithm.Aes256Cbc, HashAlgorithmName.SHA256, 1000);
        string pem = certificate.ExportCertificatePem();
        string chain = pem + "\n" + _folder.Authority.ExportCertificatePem();
        File.WriteAllText(_folder.PathOf("chain.pem"), chain);
        File.WriteAllText(_folder.PathOf("encrypted.key"), key.ExportEncryptedPkcs8PrivateKeyPem("secret", encryption));
        File.WriteAllText(_folder.PathOf("all.pem"), chain + "\n" + key.ExportPkcs8PrivateKeyPem());
        File.WriteAllBytes(_folder.PathOf("locked.pfx"), certificate.ExportPkcs12(Pkcs12ExportPbeParameters.Pbes2Aes256Sha256, "secret"));
        File.WriteAllBytes(_folder.PathOf("open.pfx"), certificate.ExportPkcs12(Pkcs12ExportPbeParameters.Pbes2Aes256Sha256, null));
        CertificateOptions[] all =
        [
            new(_folder.PathOf("chain.pem"), _folder.PathOf("encrypted.key")) { Password = "secret" },
            new(_folder.PathOf("all.pem"), null),
            new(_folder.PathOf("locked.pfx"), null) { Password = "secret" },
            new(_folder.PathOf("open.pfx"), null),
        ];
        foreach (CertificateOptions options in all)
        {
            Assert.Null(options.Check(out _));
            Assert.Equal(certificate.RawData, LoadedCertificate.Load(options).Context.TargetCertificate.RawData);
            Assert.DoesNotContain("secret", options.ToString(), StringComparison.Ordinal);
        }

        (CertificateOptions Files, string Wrong, bool InKey)[] wrong =
        [
            (all[0] with { Password = "other" }, "encrypted.key is not the private key of", true),
            (all[0] with { Password = null }, "encrypted.key is encrypted: give its password", true),
            (all[0] with { KeyPath = null }, "chain.pem holds no private key", false),
            (all[2] with { Password = "other" }, "locked.pfx is neither PEM nor a PFX file with this password", false),
            (all[2] with { KeyPath = all[0].KeyPath }, "locked.pfx holds no certificate in PEM form", false),
        ];
        foreach ((CertificateOptions files, string expected, bool inKey) in wrong)
        {
            Assert.Contains(expected, files.Check(out bool isInKey) ?? "", StringComparison.Ordinal);
            Assert.Equal(inKey, isInKey);
        }
    }

    [Fact]
    public void What_a_client_certificate_says_of_its_owner_is_read_and_what_is_malformed_names_nobody()
    {
        using X509Certificate2 certificate = _folder.Make("CN=x", ["Host.Example"], ["alice@example.net", "bob@example.net"], 90);
        ClientCertificate client = ClientCertificate.Of(certificate, true);
        Assert.Equal(["alice@example.net", "bob@example.net"], client.Mailboxes);
        Assert.Equal(["host.example"], client.Hosts);
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(certificate.RawData)), client.Fingerprint);

        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        // A mailbox, and behind it one that is longer than what there is.
        foreach (byte[] names in (byte[][])[[], [0x30], [0x30, 0x07, 0x81, 0x02, 0x61, 0x40, 0x81, 0x7F, 0x62], [0x30, 0x04, 0x81, 0x02, 0xC3, 0xA4], [0x81, 0x01, 0x61]])
        {
            var request = new CertificateRequest("CN=y", key, HashAlgorithmName.SHA256);
            request.CertificateExtensions.Add(new X509Extension("2.5.29.17", names, false));
            using X509Certificate2 odd = request.CreateSelfSigned(_time.GetUtcNow(), _time.GetUtcNow().AddDays(1));
            Assert.Empty(ClientCertificate.Of(odd, true).Mailboxes);
        }
    }

    private ServerCertificates Load(params CertificateOptions[] files) => ServerCertificates.Load(new TlsOptions { Certificates = files }, "relay.example", _time, _log);

    private IEnumerable<int> Ids() => _log.Lines.Select(static l => l.Id);
}
