using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Relay.Tls;

/// <summary>
/// A certificate of ours as it is shown, with the options that its handshakes share: one set of them is what makes resumption work, and a ticket is good for this certificate alone. Immutable but for what it keeps; any thread.
/// </summary>
internal sealed class LoadedCertificate
{
    private static readonly CipherSuitesPolicy OldSuites = MakeOldSuites();

    private readonly SslServerAuthenticationOptions?[] _options = new SslServerAuthenticationOptions?[Enum.GetValues<TlsProfile>().Length];

    private LoadedCertificate(CertificateOptions? files, byte[] digest, SslStreamCertificateContext context, IReadOnlyList<string> names)
    {
        Files = files;
        Digest = digest;
        Context = context;
        Names = names;
        Expires = new DateTimeOffset(context.TargetCertificate.NotAfter);
    }

    /// <summary>Null: made by us.</summary>
    public CertificateOptions? Files { get; }

    /// <summary>Of the files' content.</summary>
    public byte[] Digest { get; }

    public SslStreamCertificateContext Context { get; }

    /// <summary>The names for which it is shown, lower case, perhaps with a star as the first label.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>What logs and metrics call it.</summary>
    public string Label => Names.Count > 0 ? Names[0] : Context.TargetCertificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false);

    public DateTimeOffset Expires { get; }

    /// <summary>Throws IOException, UnauthorizedAccessException or CryptographicException when the files can't be used.</summary>
    public static LoadedCertificate Load(CertificateOptions files) => Of(files, CertificateMaterial.Read(files));

    /// <summary>Throws CryptographicException when the files can't be used.</summary>
    public static LoadedCertificate Of(CertificateOptions files, CertificateMaterial material)
    {
        SslStreamCertificateContext context = material.Parse();
        return new LoadedCertificate(files, material.Digest, context, files.Names.Count > 0 ? files.Names : NamesIn(context.TargetCertificate));
    }

    public static LoadedCertificate SelfSigned(string hostname, TimeProvider time)
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
        return new LoadedCertificate(null, [], SslStreamCertificateContext.Create(request.CreateSelfSigned(now.AddDays(-1), now.AddYears(1)), null, offline: true), [hostname]);
    }

    /// <summary>For handshakes that ask for no certificate.</summary>
    public SslServerAuthenticationOptions Options(TlsProfile profile) => _options[(int)profile] ??= MakeOptions(profile);

    /// <summary>
    /// For one handshake that asks for a certificate. Its session is never resumed: a ticket would carry who the client was to where that has to be proved anew (another listener, other authorities), without the chain that proves it.
    /// </summary>
    public SslServerAuthenticationOptions Options(TlsProfile profile, X509ChainPolicy policy, RemoteCertificateValidationCallback check)
    {
        SslServerAuthenticationOptions options = MakeOptions(profile);
        options.ClientCertificateRequired = true;
        options.AllowTlsResume = false;
        options.CertificateChainPolicy = policy;
        options.RemoteCertificateValidationCallback = check;
        return options;
    }

    private SslServerAuthenticationOptions MakeOptions(TlsProfile profile) => new()
    {
        ServerCertificateContext = Context,
        EnabledSslProtocols = profile == TlsProfile.Modern ? SslProtocols.Tls13 : SslProtocols.Tls12 | SslProtocols.Tls13,
        // The library's own list is Intermediate; a policy would make it build a context for each handshake, and resume none.
        CipherSuitesPolicy = profile == TlsProfile.Old ? OldSuites : null,
        AllowRenegotiation = false,
        CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
    };

    private static List<string> NamesIn(X509Certificate2 certificate) =>
        certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>().FirstOrDefault() is { } names ? [.. names.EnumerateDnsNames().Select(static n => n.ToLowerInvariant())] : [];

    private static CipherSuitesPolicy MakeOldSuites() => OperatingSystem.IsLinux() ? new(
    [
        TlsCipherSuite.TLS_AES_256_GCM_SHA384,
        TlsCipherSuite.TLS_CHACHA20_POLY1305_SHA256,
        TlsCipherSuite.TLS_AES_128_GCM_SHA256,
        TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        TlsCipherSuite.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384,
        TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256,
        TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384,
        TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256,
        TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA,
        TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA,
        TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
        TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
        TlsCipherSuite.TLS_RSA_WITH_AES_256_GCM_SHA384,
        TlsCipherSuite.TLS_RSA_WITH_AES_128_GCM_SHA256,
        TlsCipherSuite.TLS_RSA_WITH_AES_256_CBC_SHA256,
        TlsCipherSuite.TLS_RSA_WITH_AES_128_CBC_SHA256,
        TlsCipherSuite.TLS_RSA_WITH_AES_256_CBC_SHA,
        TlsCipherSuite.TLS_RSA_WITH_AES_128_CBC_SHA,
    ]) : throw new PlatformNotSupportedException();
}
