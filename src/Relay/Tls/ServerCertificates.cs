using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging;
using Relay.Telemetry;

namespace Relay.Tls;

/// <summary>
/// The certificates that our listeners show. Their files are looked at every few seconds, and what has changed there is taken for the handshakes that begin from then on; sessions under way keep what they were shown.
/// What can't be used, because it is half written or its key isn't there yet, changes nothing and is looked at again. Any thread.
/// </summary>
internal sealed class ServerCertificates
{
    /// <summary>Whoever renews certificates does it weeks ahead. To read a few KiB costs less than any notification that has to be right about renamed links.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(3);

    /// <summary>Then the operator is told, once a day: renewal was due long ago.</summary>
    private static readonly TimeSpan NearExpiry = TimeSpan.FromDays(14);

    private static readonly TimeSpan WarningInterval = TimeSpan.FromDays(1);

    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly Lock _changing = new();
    private readonly HashSet<string> _failing = new(StringComparer.Ordinal);
    private volatile CertificateSet _current;
    private DateTimeOffset _warnAt;

    private ServerCertificates(CertificateSet current, TimeProvider time, ILogger log)
    {
        _current = current;
        _time = time;
        _log = log;
    }

    public CertificateSet Current => _current;

    public bool IsSelfSigned => _current.All[0].Files is null;

    /// <summary>From files, or self-signed for <paramref name="hostname"/> when there are none. Throws IOException, UnauthorizedAccessException or CryptographicException when the files can't be used.</summary>
    public static ServerCertificates Load(TlsOptions options, string hostname, TimeProvider time, ILogger log) => new(Read(options, hostname, time, null), time, log);

    /// <summary>Takes other files, or looks at the same ones again; when one can't be used it throws as <see cref="Load"/> does and the old ones stay.</summary>
    public void Reload(TlsOptions options, string hostname)
    {
        lock (_changing)
        {
            _current = Read(options, hostname, _time, _current);
            _failing.Clear();
            _warnAt = default;
        }
    }

    /// <summary>Looks at the files until it is cancelled.</summary>
    public async Task RunAsync(CancellationToken cancel)
    {
        using var timer = new PeriodicTimer(Interval, _time);
        try
        {
            do
            {
                // Files are read and keys are parsed: on a thread of its own.
                await Task.Factory.StartNew(Look, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).ConfigureAwait(false);
            }
            while (await timer.WaitForNextTickAsync(cancel).ConfigureAwait(false));
        }
        catch (OperationCanceledException)
        {
            // The relay stops.
        }
    }

    /// <summary>Takes what has changed in the files, and warns of what expires.</summary>
    public void Look()
    {
        lock (_changing)
        {
            CertificateSet old = _current;
            LoadedCertificate[] fresh = [.. old.All.Select(Fresh)];
            if (!fresh.SequenceEqual(old.All))
            {
                _current = new CertificateSet(fresh, old.ClientAuthorities);
                _warnAt = default;
            }

            Warn();
        }
    }

    /// <summary>What they are called and how long they are still good for, negative once they aren't: of those called the same, the one that ends first.</summary>
    public IEnumerable<(string Name, TimeSpan Left)> Expiries() =>
        _current.All.GroupBy(static c => c.Label, StringComparer.OrdinalIgnoreCase).Select(g => (g.Key, g.Min(static c => c.Expires) - _time.GetUtcNow()));

    private static CertificateSet Read(TlsOptions options, string hostname, TimeProvider time, CertificateSet? old)
    {
        X509Certificate2Collection? authorities = null;
        if (options.ClientAuthorityPath is { } path)
        {
            authorities = [];
            authorities.ImportFromPemFile(path);
        }

        LoadedCertificate[] all = options.Certificates.Count > 0 ? [.. options.Certificates.Select(files => Read(files, old))]
            : [old?.All is [{ Files: null } made] ? made : LoadedCertificate.SelfSigned(hostname, time)];
        return new CertificateSet(all, authorities);
    }

    /// <summary>What hasn't changed is kept as it is, so that the sessions of before can still be resumed.</summary>
    private static LoadedCertificate Read(CertificateOptions files, CertificateSet? old)
    {
        var material = CertificateMaterial.Read(files);
        return old?.All.FirstOrDefault(c => c.Digest.AsSpan().SequenceEqual(material.Digest) && files.Equals(c.Files)) ?? LoadedCertificate.Of(files, material);
    }

    private LoadedCertificate Fresh(LoadedCertificate old)
    {
        if (old.Files is not { } files)
        {
            return old;
        }

        try
        {
            var material = CertificateMaterial.Read(files);
            LoadedCertificate fresh = material.Digest.AsSpan().SequenceEqual(old.Digest) ? old : LoadedCertificate.Of(files, material);
            _failing.Remove(files.CertificatePath);
            if (fresh != old)
            {
                TlsLog.CertificateChanged(_log, fresh.Label, files.CertificatePath, fresh.Expires);
            }

            return fresh;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
        {
            if (_failing.Add(files.CertificatePath))
            {
                TlsLog.CertificateUnusable(_log, files.CertificatePath, e.Message, old.Label);
            }

            return old;
        }
    }

    private void Warn()
    {
        DateTimeOffset now = _time.GetUtcNow();
        if (now < _warnAt)
        {
            return;
        }

        _warnAt = now + WarningInterval;
        foreach (LoadedCertificate certificate in _current.All)
        {
            if (certificate.Expires <= now)
            {
                TlsLog.CertificateExpired(_log, certificate.Label, certificate.Expires);
            }
            else if (certificate.Expires - now < NearExpiry)
            {
                TlsLog.CertificateExpires(_log, certificate.Label, certificate.Expires, (int)(certificate.Expires - now).TotalDays);
            }
        }
    }
}
