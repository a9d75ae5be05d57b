using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Relay.Flow.Accept;
using Relay.Tls;

namespace Relay.Daemon.Configuration;

/// <summary>What the files of certificates hold, and whether listeners and certificates go together, before the engine gets to see them.</summary>
internal static class CertificateFiles
{
    /// <summary>Certificates and keys: there, readable, and made for each other. Authorities: there, and some.</summary>
    public static void Check(ConfigDraft draft, ConfigReader reader)
    {
        Check("tls", draft.Certificate, draft, reader);
        Check("delivery", draft.DeliveryCertificate, draft, reader);
        for (int i = 0; i < draft.Certificates.All.Count; i++)
        {
            Check(string.Create(CultureInfo.InvariantCulture, $"certificate[{i}]"), draft.Certificates.All[i], draft, reader);
        }

        CheckAuthorities(draft, reader);
        for (int i = 0; i < draft.Listeners.Count; i++)
        {
            CheckListener(string.Create(CultureInfo.InvariantCulture, $"listener[{i}]"), draft.Listeners[i], draft, reader);
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

    private static void Check(string section, CertificateDraft certificate, ConfigDraft draft, ConfigReader reader)
    {
        if (certificate.Path is null && certificate.KeyPath is not null)
        {
            reader.Fail(draft.Where($"{section}.key"), $"[{section}] has a key and no certificate: give both or neither");
        }

        if (certificate.Build() is not { } files)
        {
            return;
        }

        bool isThere = TryRead(files.CertificatePath, draft.Where($"{section}.certificate"), reader) is not null;
        if (files.KeyPath is { } key)
        {
            isThere &= TryRead(key, draft.Where($"{section}.key"), reader) is not null;
        }

        if (isThere && files.Check(out bool inKey) is { } wrong)
        {
            reader.Fail(draft.Where(inKey && files.KeyPath is not null ? $"{section}.key" : $"{section}.certificate"), wrong);
        }
    }

    private static void CheckAuthorities(ConfigDraft draft, ConfigReader reader)
    {
        Position position = draft.Where("tls.client_ca");
        if (draft.Tls.ClientAuthorityPath is not { } path || TryRead(path, position, reader) is not { } pem)
        {
            return;
        }

        var authorities = new X509Certificate2Collection();
        try
        {
            authorities.ImportFromPem(pem);
        }
        catch (CryptographicException e)
        {
            reader.Fail(position, $"{path} holds no certificates in PEM form: {e.Message}");
            return;
        }

        if (authorities.Count == 0)
        {
            reader.Fail(position, $"{path} holds no certificates in PEM form");
        }

        foreach (X509Certificate2 authority in authorities)
        {
            authority.Dispose();
        }
    }

    private static void CheckListener(string listener, ListenerDraft draft, ConfigDraft all, ConfigReader reader)
    {
        bool isTls = draft.Tls != ListenerTls.None;
        if (!isTls && draft.Profile is not null)
        {
            reader.Fail(all.Where($"{listener}.tls_profile"), "this listener never speaks TLS: leave tls_profile out, or write tls = \"starttls\"");
        }

        if (!isTls && draft.ClientCertificate != ClientCertificateDemand.None)
        {
            reader.Fail(all.Where($"{listener}.client_certificate"), "this listener never speaks TLS, in which certificates are shown: leave client_certificate out, or write tls = \"starttls\"");
        }

        if (isTls && draft.Role == ListenerRole.Submission && (draft.Profile ?? all.Tls.Profile) == TlsProfile.Old)
        {
            // RFC 8314 §3.3: users' programs can all do better, and a server that can't would come in clear.
            reader.Fail(all.Where(draft.Profile is null ? "tls.profile" : $"{listener}.tls_profile"), "\"old\" is for servers, on listeners with the role relay: users' programs can all do better; write tls_profile = \"intermediate\" for this one");
        }
    }
}
