using System.Net.Security;

namespace Relay.Tls;

/// <summary>
/// The files of a certificate of ours. PEM: <see cref="CertificatePath"/> holds the certificate and may hold its chain behind it; the key is in <see cref="KeyPath"/>, or in the same file when that is null.
/// PFX (PKCS #12, RFC 7292): all is in <see cref="CertificatePath"/>.
/// </summary>
public sealed record CertificateOptions(string CertificatePath, string? KeyPath)
{
    /// <summary>Of the encrypted key, or of the PFX file.</summary>
    public string? Password { get; init; }

    /// <summary>The server names for which it is shown, lower case, <c>*.domain</c> for all one label below; empty: those that stand in it.</summary>
    public IReadOnlyList<string> Names { get; init; } = [];

    /// <summary>What is wrong with the files, in one line that names the one it is about; null when they can be used. <paramref name="inKey"/>: the key, not the certificate. Reads them.</summary>
    public string? Check(out bool inKey)
    {
        inKey = false;
        try
        {
            return CertificateMaterial.Read(this).TryParse(out _, [], out inKey);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return e.Message;
        }
    }

    public bool Equals(CertificateOptions? other) =>
        other is not null && CertificatePath == other.CertificatePath && KeyPath == other.KeyPath && Password == other.Password && Names.SequenceEqual(other.Names);

    public override int GetHashCode() => HashCode.Combine(CertificatePath, KeyPath);

    // Not the password.
    public override string ToString() => CertificatePath;

    /// <summary>Reads the files, anew each time. Throws IOException, UnauthorizedAccessException or CryptographicException when they can't be used.</summary>
    internal SslStreamCertificateContext Load() => CertificateMaterial.Read(this).Parse();
}
