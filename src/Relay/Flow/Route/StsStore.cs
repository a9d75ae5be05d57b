using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging;
using Relay.Protocol.Policy;
using Relay.Telemetry;

namespace Relay.Flow.Route;

/// <summary>
/// The MTA-STS policies that are known, in memory and, over restarts, as one small file for each domain: its name is the domain, its lines the id, the time of fetching and the policy. Bounded; expired ones go first.
/// Any thread.
/// </summary>
/// <param name="folder">Made when there is something to keep; null keeps nothing over restarts.</param>
/// <param name="time">What has expired isn't read in.</param>
/// <param name="log">Told of files that can't be read or written.</param>
internal sealed class StsStore(string? folder, TimeProvider time, ILogger log)
{
    private const int MaximumPolicies = 50_000;

    private readonly ConcurrentDictionary<string, StsEntry> _entries = new(StringComparer.Ordinal);

    /// <summary>Reads what was kept. A file that makes no sense leaves the knowledge that the domain had a policy.</summary>
    public void Load()
    {
        if (folder is null || !Directory.Exists(folder))
        {
            return;
        }

        foreach (string path in Directory.EnumerateFiles(folder).Where(static p => !p.EndsWith(StateFile.Unfinished)).Take(MaximumPolicies))
        {
            string domain = Path.GetFileName(path);
            StsEntry entry;
            try
            {
                entry = Read(File.ReadAllText(path));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
            {
                RouteLog.PolicyNotRead(log, domain, path, e.Message);
                entry = new StsEntry("", default, null);
            }

            if (time.GetUtcNow() < entry.Expires)
            {
                _entries[domain] = entry;
            }
            else
            {
                Delete(path);
            }
        }
    }

    /// <summary>What is known of a domain and still good; null when nothing is.</summary>
    public StsEntry? Find(string domain) => _entries.TryGetValue(domain, out StsEntry? entry) && time.GetUtcNow() < entry.Expires ? entry : null;

    public async ValueTask KeepAsync(string domain, StsEntry entry)
    {
        if (_entries.Count >= MaximumPolicies && !_entries.ContainsKey(domain))
        {
            MakeRoom();
        }

        _entries[domain] = entry;
        if (folder is null)
        {
            return;
        }

        string path = Path.Combine(folder, domain);
        try
        {
            await StateFile.ReplaceAsync(path, Encoding.UTF8.GetBytes($"{entry.Id}\n{entry.Fetched.ToString("O", CultureInfo.InvariantCulture)}\n{entry.Policy}")).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It holds as long as the process lives.
            RouteLog.PolicyNotKept(log, domain, path, e.Message);
        }
    }

    private static StsEntry Read(string text)
    {
        string[] parts = text.Split('\n', 3);
        return parts.Length == 3 && DateTimeOffset.TryParseExact(parts[1], "O", CultureInfo.InvariantCulture, DateTimeStyles.None, out DateTimeOffset fetched)
            && MtaStsPolicy.TryParse(parts[2], out MtaStsPolicy? policy, out _)
            ? new StsEntry(parts[0], fetched, policy)
            : throw new FormatException("it is not as it was written");
    }

    /// <summary>Those that have expired; when none has, the one that will first.</summary>
    private void MakeRoom()
    {
        DateTimeOffset now = time.GetUtcNow();
        List<string> gone = [.. _entries.Where(e => e.Value.Expires <= now).Select(static e => e.Key)];
        foreach (string domain in gone.Count > 0 ? gone : [_entries.MinBy(static e => e.Value.Expires).Key])
        {
            _entries.TryRemove(domain, out _);
            if (folder is not null)
            {
                Delete(Path.Combine(folder, domain));
            }
        }
    }

    private void Delete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            RouteLog.PolicyNotKept(log, Path.GetFileName(path), path, e.Message);
        }
    }
}
