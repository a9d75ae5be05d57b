using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Relay.Daemon.Configuration;

/// <summary>Reads the files that a configuration names, before the engine gets to see them.</summary>
internal static class CertificateFiles
{
    /// <summary>Certificate and key: both or neither, there, readable, PEM, and made for each other.</summary>
    public static void Check(ConfigDraft draft, ConfigReader reader)
    {
        if (draft.CertificatePath is null && draft.KeyPath is null)
        {
            return;
        }

        if (draft.CertificatePath is null || draft.KeyPath is null)
        {
            string given = draft.KeyPath is null ? "certificate" : "key";
            reader.Fail(draft.Where($"tls.{given}"), $"[tls] has a {given} and no {(draft.KeyPath is null ? "key" : "certificate")}: give both or neither");
            return;
        }

        string? certificate = TryRead(draft.CertificatePath, draft.Where("tls.certificate"), reader);
        string? key = TryRead(draft.KeyPath, draft.Where("tls.key"), reader);
        if (certificate is not null && key is not null)
        {
            CheckPair(certificate, key, draft, reader);
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

    private static void CheckPair(string certificate, string key, ConfigDraft draft, ConfigReader reader)
    {
        if (key.Contains("-----BEGIN ENCRYPTED PRIVATE KEY-----", StringComparison.Ordinal))
        {
            reader.Fail(draft.Where("tls.key"), $"{draft.KeyPath} is encrypted: the relay starts without anybody to type a password; give it the key in clear with mode 0600");
            return;
        }

        try
        {
            using var parsed = X509Certificate2.CreateFromPem(certificate);
        }
        catch (CryptographicException e)
        {
            reader.Fail(draft.Where("tls.certificate"), $"{draft.CertificatePath} holds no certificate in PEM form: {e.Message}");
            return;
        }

        try
        {
            using var pair = X509Certificate2.CreateFromPem(certificate, key);
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            reader.Fail(draft.Where("tls.key"), $"{draft.KeyPath} is not the private key of {draft.CertificatePath} in PEM form: {e.Message}");
        }
    }
}
