using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Relay.Telemetry;

namespace Relay.Flow.Policy;

/// <summary>
/// What users who have a limit have sent lately, by name: in memory, and in one file as of the last minute. So a process that is killed forgets one minute at most; one that is stopped, nothing. Bounded. Any thread but for
/// <see cref="RunAsync"/>, which is one loop.
/// </summary>
/// <param name="path">The file; its folder is made when there is something to keep. Null keeps nothing over restarts.</param>
/// <param name="time">Whose hours and days count.</param>
/// <param name="log">Told of a file that can't be read or written.</param>
internal sealed class UserTally(string? path, TimeProvider time, ILogger log)
{
    /// <summary>About 2 KiB each. Beyond, who sent longest ago begins anew.</summary>
    private const int MaximumUsers = 100_000;

    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    private readonly ConcurrentDictionary<string, UserUsage> _users = new(StringComparer.Ordinal);
    private volatile bool _changed;

    public UserUsage Of(string user)
    {
        if (_users.TryGetValue(user, out UserUsage? usage))
        {
            return usage;
        }

        if (_users.Count >= MaximumUsers)
        {
            _users.TryRemove(_users.MinBy(static u => u.Value.Last).Key, out _);
        }

        return _users.GetOrAdd(user, static _ => new UserUsage());
    }

    /// <summary>A user's message is stored.</summary>
    public void Sent(UserUsage usage, int recipients)
    {
        usage.Sent(time.GetUtcNow(), recipients);
        _changed = true;
    }

    /// <summary>Reads what was kept, before there are users. A file that makes no sense is said, and counts nothing.</summary>
    public void Load()
    {
        if (path is null || !File.Exists(path))
        {
            return;
        }

        try
        {
            DateTimeOffset now = time.GetUtcNow();
            foreach ((string user, UsageRecord record) in (JsonSerializer.Deserialize(File.ReadAllBytes(path), UsageJson.Default.DictionaryStringUsageRecord) ?? []).Take(MaximumUsers))
            {
                var usage = new UserUsage();
                usage.Restore(record, now);
                _users[user] = usage;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            SessionLog.UsageNotRead(log, path, e.Message);
        }
    }

    /// <summary>Writes it down every minute, until the token is cancelled, and then once more.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stop).ConfigureAwait(false))
            {
                await SaveAsync().ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            await SaveAsync().ConfigureAwait(false);
        }
    }

    private async Task SaveAsync()
    {
        if (!_changed)
        {
            return;
        }

        _changed = false;
        DateTimeOffset now = time.GetUtcNow();
        var records = new Dictionary<string, UsageRecord>(StringComparer.Ordinal);
        foreach ((string user, UserUsage usage) in _users)
        {
            if (usage.ToRecord(now) is { } record)
            {
                records.Add(user, record);
            }
            else if (now - usage.Last > TimeSpan.FromDays(1))
            {
                // A session that has it in hand all the same counts what nobody asks about any more.
                _users.TryRemove(user, out _);
            }
        }

        try
        {
            if (path is not null)
            {
                await StateFile.ReplaceAsync(path, JsonSerializer.SerializeToUtf8Bytes(records, UsageJson.Default.DictionaryStringUsageRecord)).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It counts on; the next minute tries again.
            _changed = true;
            SessionLog.UsageNotKept(log, path!, e.Message);
        }
    }
}
