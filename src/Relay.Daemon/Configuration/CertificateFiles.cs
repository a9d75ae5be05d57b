using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Relay.Tls;

namespace Relay.Daemon.Configuration;

/// <summary>Reads the files that a configuration names, before the engine gets to see them.</summary>
internal static class CertificateFiles
{
    /// <summary>Certificates and keys: both or neither, there, readable, PEM, and made for each other.</summary>
    public static void Check(ConfigDraft draft, ConfigReader reader)
    {
        Check("tls", draft.CertificatePath, draft.KeyPath, draft, reader);
        Check("delivery", draft.ClientCertificatePath, draft.ClientKeyPath, draft, reader);
    }

    private static void Check(string section, string? certificatePath, string? keyPath, ConfigDraft draft, ConfigReader reader)
    {
        if (certificatePath is null && keyPath is null)
        {
            return;
        }

        if (certificatePath is null || keyPath is null)
        {
            string given = keyPath is null ? "certificate" : "key";
            reader.Fail(draft.Where($"{section}.{given}"), $"[{section}] has a {given} and no {(keyPath is null ? "key" : "certificate")}: give both or neither");
            return;
        }

        string? certificate = TryRead(certificatePath, draft.Where($"{section}.certificate"), reader);
        string? key = TryRead(keyPath, draft.Where($"{section}.key"), reader);
        if (certificate is not null && key is not null)
        {
            CheckPair(section, certificate, key, new CertificateOptions(certificatePath, keyPath), draft, reader);
        }
    }

    public static string? TryRead(string path, Position position, ConfigReader reader)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            reader.Fail(position, $"there is no file {path}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            reader.Fail(position, $"{path} can't be read: {e.Message}");
        }

        return null;
    }

    private static void CheckPair(string section, string certificate, string key, CertificateOptions paths, ConfigDraft draft, ConfigReader reader)
    {
        if (key.Contains("-----BEGIN ENCRYPTED PRIVATE KEY-----", StringComparison.Ordinal))
        {
            reader.Fail(draft.Where($"{section}.key"), $"{paths.KeyPath} is encrypted: the relay starts without anybody to type a password; give it the key in clear with mode 0600");
            return;
        }

        try
        {
            using var parsed = X509Certificate2.CreateFromPem(certificate);
        }
        catch (CryptographicException e)
        {
            reader.Fail(draft.Where($"{section}.certificate"), $"{paths.CertificatePath} holds no certificate in PEM form: {e.Message}");
            return;
        }

        try
        {
            using var pair = X509Certificate2.CreateFromPem(certificate, key);
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            reader.Fail(draft.Where($"{section}.key"), $"{paths.KeyPath} is not the private key of {paths.CertificatePath} in PEM form: {e.Message}");
        }
    }
}
