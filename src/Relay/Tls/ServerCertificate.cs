using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Relay.Tls;

/// <summary>
/// The certificate our listeners show, with the options that every handshake shares: one context per certificate is what makes resumption work.
/// A reload swaps the whole; sessions under way keep theirs. Any thread.
/// </summary>
internal sealed class ServerCertificate
{
    private volatile SslServerAuthenticationOptions _options;

    private ServerCertificate(SslServerAuthenticationOptions options, bool isSelfSigned)
    {
        _options = options;
        IsSelfSigned = isSelfSigned;
    }

    public SslServerAuthenticationOptions Options => _options;

    public bool IsSelfSigned { get; private set; }

    /// <summary>From files, or self-signed for <paramref name="hostname"/> when there are none. Throws IOException or CryptographicException when the files can't be used.</summary>
    public static ServerCertificate Load(CertificateOptions? files, string hostname, TimeProvider time) =>
        new(OptionsFor(files, hostname, time), files is null);

    /// <summary>Takes new files; when they can't be used it throws as <see cref="Load"/> does and the old certificate stays.</summary>
    public void Reload(CertificateOptions? files, string hostname, TimeProvider time)
    {
        if (files is null && IsSelfSigned)
        {
            return;
        }

        _options = OptionsFor(files, hostname, time);
        IsSelfSigned = files is null;
    }

    private static SslServerAuthenticationOptions OptionsFor(CertificateOptions? files, string hostname, TimeProvider time) => new()
    {
        ServerCertificateContext = files?.Load() ?? SslStreamCertificateContext.Create(SelfSigned(hostname, time), null, offline: true),
        EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
        CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
    };

    private static X509Certificate2 SelfSigned(string hostname, TimeProvider time)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(new X500DistinguishedName("CN=" + hostname), key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(hostname);
        names.AddDnsName("localhost");
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        DateTimeOffset now = time.GetUtcNow();
        return request.CreateSelfSigned(now.AddDays(-1), now.AddYears(1));
    }
}
