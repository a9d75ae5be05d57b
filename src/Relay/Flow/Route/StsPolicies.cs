using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Relay.Dns;
using Relay.Protocol.Policy;
using Relay.Telemetry;

namespace Relay.Flow.Route;

/// <summary>
/// Which domains have an MTA-STS policy (RFC 8461). One that was had is used for as long as it may be, whatever becomes of the domain's record, its web server or our files: who can disturb those could otherwise take
/// the policy away. Any thread. Answers within the time limits of a look-up and of fetching.
/// </summary>
internal sealed class StsPolicies(StsStore store, TimeProvider time, ILogger log)
{
    /// <summary>RFC 8461 §3.3 suggests five minutes.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMinutes(5);

    /// <summary>So long a look-up waits for a policy.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private const int MaximumFailures = 10_000;
    private const int MaximumRefreshes = 50;

    private readonly ConcurrentDictionary<string, Task<StsFetched>> _flights = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, (string Id, DateTimeOffset Until, StsFetched Failed)> _failures = new(StringComparer.Ordinal);
    private int _refreshes;

    /// <summary>For a domain in normal form. <paramref name="fetch"/> never throws.</summary>
    public async ValueTask<StsAnswer> FindAsync(IDnsResolver dns, Func<string, Task<StsFetched>> fetch, string domain, CancellationToken cancel)
    {
        StsEntry? known = store.Find(domain);
        DnsAnswer<string> records = await dns.TxtAsync("_mta-sts." + domain, cancel).ConfigureAwait(false);
        if (records.Status != DnsStatus.Found || !MtaStsRecord.TryFind(records.Records, out string? id))
        {
            // RFC 8461 §3.1, §5.1: a record that has gone says nothing against a policy that was had.
            return Answer(known, default);
        }

        if (known is { Policy: { } policy } && known.Id == id)
        {
            if (time.GetUtcNow() - known.Fetched > policy.MaximumAge / 2)
            {
                Refresh(fetch, domain, id);
            }

            return Answer(known, default);
        }

        StsFetched fetched;
        try
        {
            fetched = await FetchAsync(fetch, domain, id).WaitAsync(Patience, time, cancel).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            // The fetch goes on. Others that wait for look-ups shall not wait for this server, and what it wants isn't passed over for its being slow.
            return known is { Policy: not null } ? Answer(known, default) : new StsAnswer(null, Trouble: "the domain's MTA-STS policy is being fetched, which takes long");
        }

        return Answer(fetched.Policy is null ? known : new StsEntry(id, time.GetUtcNow(), fetched.Policy), fetched);
    }

    private static StsAnswer Answer(StsEntry? known, in StsFetched failed) => known switch
    {
        null => new StsAnswer(null, failed.Fault),
        { Policy: null } => new StsAnswer(null, failed.Fault, "the domain's MTA-STS policy is lost and can't be fetched anew" + (failed.Reason is { Length: > 0 } reason ? ": " + reason : "")),
        { Policy.Mode: MtaStsMode.None } => default,
        _ => new StsAnswer(known.Policy, failed.Fault),
    };

    /// <summary>In the background, so that a policy in use doesn't run out while its server is slow.</summary>
    private void Refresh(Func<string, Task<StsFetched>> fetch, string domain, string id)
    {
        if (_flights.ContainsKey(domain))
        {
            return;
        }

        if (Interlocked.Increment(ref _refreshes) > MaximumRefreshes)
        {
            Interlocked.Decrement(ref _refreshes);
            return;
        }

        _ = RefreshAsync();

        async Task RefreshAsync()
        {
            await FetchAsync(fetch, domain, id).ConfigureAwait(false);
            Interlocked.Decrement(ref _refreshes);
        }
    }

    /// <summary>Once at a time for each domain, and not again soon after it failed.</summary>
    private async Task<StsFetched> FetchAsync(Func<string, Task<StsFetched>> fetch, string domain, string id)
    {
        if (_failures.TryGetValue(domain, out (string Id, DateTimeOffset Until, StsFetched Failed) failure) && failure.Id == id && time.GetUtcNow() < failure.Until)
        {
            return failure.Failed;
        }

        var own = new TaskCompletionSource<StsFetched>(TaskCreationOptions.RunContinuationsAsynchronously);
        Task<StsFetched> flight = _flights.GetOrAdd(domain, own.Task);
        if (flight != own.Task)
        {
            return await flight.ConfigureAwait(false);
        }

        StsFetched fetched = default;
        try
        {
            fetched = await fetch(domain).ConfigureAwait(false);
            if (fetched.Policy is { } policy)
            {
                await store.KeepAsync(domain, new StsEntry(id, time.GetUtcNow(), policy)).ConfigureAwait(false);
            }
            else
            {
                RouteLog.PolicyNotFetched(log, domain, store.Find(domain) is null ? "and mail goes there without one" : "and the one of before holds on", fetched.Reason);
                if (_failures.Count >= MaximumFailures)
                {
                    _failures.Clear();
                }

                _failures[domain] = (id, time.GetUtcNow() + Pause, fetched);
            }
        }
        finally
        {
            _flights.TryRemove(domain, out _);
            own.SetResult(fetched);
        }

        return fetched;
    }
}
