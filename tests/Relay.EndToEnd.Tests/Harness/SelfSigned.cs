using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Relay.EndToEnd.Tests.Harness;

/// <summary>A certificate that nobody vouches for, with its key.</summary>
internal static class SelfSigned
{
    public static X509Certificate2 Create(string host)
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest($"CN={host}", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(host);
        request.CertificateExtensions.Add(names.Build());
        DateTimeOffset now = TimeProvider.System.GetUtcNow();
        return request.CreateSelfSigned(now.AddDays(-1), now.AddDays(30));
    }
}
