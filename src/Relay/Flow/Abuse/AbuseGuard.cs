using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Relay.Dns;
using Relay.Telemetry;

namespace Relay.Flow.Abuse;

/// <summary>
/// What sessions ask before they let a client go on, and tell of what it did: the one place that knows what is counted for whom. Behind it an <see cref="AbuseTable"/>, the bans of which are kept over restarts. Nothing of it lies on a message's way: it
/// is asked once for a connection, and for what goes wrong. Any thread.
/// </summary>
internal sealed class AbuseGuard
{
    /// <summary>Weighs as much as so many refused commands: what nobody does by mistake.</summary>
    public const int Violation = 10;

    /// <summary>Soon enough for a crash, seldom enough for the disk.</summary>
    private static readonly TimeSpan KeepEvery = TimeSpan.FromSeconds(1);

    private const int LinesPerMinute = 20;

    private readonly TimeProvider _time;
    private readonly RelayMetrics _metrics;
    private readonly ILogger _log;
    private readonly AbuseTable _table;
    private readonly BanFile _file;
    private readonly LogBudget _banLines;
    private readonly LogBudget _refusalLines;
    private readonly byte[] _secret = RandomNumberGenerator.GetBytes(32);
    private AbuseOptions _options;
    private DnsLists _lists;
    private long _kept;

    /// <summary><paramref name="folder"/>: where bans are kept; null keeps none over a restart. Reads what is there.</summary>
    public AbuseGuard(AbuseOptions options, string? folder, IDnsResolver dns, TimeProvider time, RelayMetrics metrics, ILogger log)
    {
        _options = options;
        _time = time;
        _metrics = metrics;
        _log = log;
        _table = new AbuseTable(options);
        _file = new BanFile(folder is null ? null : Path.Combine(folder, "bans"), log);
        _banLines = new LogBudget(time, LinesPerMinute);
        _refusalLines = new LogBudget(time, LinesPerMinute);
        _lists = new DnsLists(options.Lists, dns, time, metrics, log);
        _file.Load(_table, Now);
        _kept = _table.Changes;
    }

    /// <summary>For tests.</summary>
    internal DnsLists Lists => Volatile.Read(ref _lists);

    private long Now => _time.GetUtcNow().UtcTicks;

    public void Apply(AbuseOptions options, IDnsResolver dns)
    {
        Volatile.Write(ref _options, options);
        _table.Apply(options);
        if (!Lists.IsFor(options.Lists, dns))
        {
            Volatile.Write(ref _lists, new DnsLists(options.Lists, dns, _time, _metrics, _log));
        }
    }

    /// <summary>Keeps bans and tests lists, until <paramref name="stop"/>; then keeps them once more.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        try
        {
            using var timer = new PeriodicTimer(KeepEvery, _time);
            Task testing = Task.CompletedTask;
            while (!stop.IsCancellationRequested)
            {
                if (testing.IsCompleted)
                {
                    await testing.ConfigureAwait(false);
                    testing = Lists.TestAsync(stop);
                }

                await KeepAsync().ConfigureAwait(false);
                Task tick = timer.WaitForNextTickAsync(stop).AsTask();
                await tick.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
        catch (Exception e) when (!stop.IsCancellationRequested || e is not OperationCanceledException)
        {
            AbuseLog.KeepingEnded(_log, e);
        }
        catch (OperationCanceledException)
        {
            // A test of a list was under way.
        }

        await KeepAsync().ConfigureAwait(false);
    }

    /// <summary>Whether a client is banned, or its network is.</summary>
    public bool IsBanned(in Origin origin) => origin.MayBan && Volatile.Read(ref _options).Enabled && (_table.IsBanned(origin.Key, Now) || _table.IsBanned(origin.Network, Now));

    /// <summary>Whether one more connection may come from there, which then counts.</summary>
    public bool TryConnect(in Origin origin)
    {
        AbuseOptions options = Volatile.Read(ref _options);
        // The network first: what comes beyond its rate leaves no trace of a thousand addresses.
        return !origin.MayBan || !options.Enabled || options.Connections is null || (_table.TryConnect(origin.Network, Now) && _table.TryConnect(origin.Key, Now));
    }

    /// <summary>Counts what a client did. True when it is banned.</summary>
    public bool Count(in Origin origin, Offence offence, int weight = 1) =>
        origin.MayBan && Volatile.Read(ref _options).Enabled && Count(origin, offence, weight, 0) == CountResult.Banned;

    /// <summary>
    /// Whether a password may be looked at now. <paramref name="waited"/>: how long this one has waited already. All is the same for users who exist and who don't. A user from where he has logged in before doesn't wait for what others guessed.
    /// </summary>
    public LoginTurn TryTurn(in Origin origin, ReadOnlySpan<byte> user, TimeSpan waited, out TimeSpan wait)
    {
        wait = default;
        AbuseOptions options = Volatile.Read(ref _options);
        if (origin.Standing == Standing.Allowed || !options.Enabled)
        {
            return LoginTurn.Now;
        }

        long now = Now;
        if (IsBanned(origin))
        {
            return LoginTurn.Banned;
        }

        TimeSpan userDelay = _table.DelayOf(UserKey(user), now);
        if (userDelay > waited && !_table.Knows(PlaceKey(user, origin), now))
        {
            wait = userDelay - waited;
            return LoginTurn.Wait;
        }

        LoginTurn turn = _table.TryBegin(origin.Key, now, out wait);
        if (turn == LoginTurn.Wait && waited + wait > 2 * options.LongestDelay)
        {
            Refuse(origin, "login_delayed");
            return LoginTurn.Busy;
        }

        return turn;
    }

    /// <summary>By what a wrong password that comes a second time is told from another one, without keeping it; 0 for none.</summary>
    public ulong SecretOf(ReadOnlySpan<byte> user, ReadOnlySpan<byte> secret) => secret.IsEmpty ? 0 : (ulong)Digest(user, secret);

    /// <summary>What came of a password whose turn was <see cref="LoginTurn.Now"/>: right, wrong, or null when it wasn't looked at. True when the client is banned for it. <paramref name="secret"/> is <see cref="SecretOf"/> what was tried.</summary>
    public bool Tried(in Origin origin, ReadOnlySpan<byte> user, ulong secret, bool? good)
    {
        if (origin.Standing == Standing.Allowed || !Volatile.Read(ref _options).Enabled)
        {
            return false;
        }

        bool isBanned = false;
        long now = Now;
        if (good == true)
        {
            _table.Remember(PlaceKey(user, origin), now);
        }
        else if (good == false)
        {
            CountResult result = Count(origin, Offence.Login, 1, secret);
            isBanned = result == CountResult.Banned;
            if (result != CountResult.Repeated)
            {
                _table.Count(UserKey(user), Offence.Login, 1, mayBan: false, 0, now, out _);
            }
        }

        _table.EndTry(origin.Key, now);
        return isBanned;
    }

    /// <summary>What the DNS lists say of a client, being asked; null when nothing is to be asked. <paramref name="submission"/>: the client came where users do.</summary>
    public Task<DnsVerdict>? Judge(in Origin origin, bool submission, CancellationToken cancel)
    {
        AbuseOptions options = Volatile.Read(ref _options);
        DnsLists lists = Lists;
        return lists.IsEmpty || origin.Standing != Standing.Stranger || (submission && !options.ListsOnSubmission) ? null : lists.JudgeAsync(origin.Address, options.ListThreshold, cancel);
    }

    /// <summary>A client is refused, for one of a few reasons.</summary>
    public void Refuse(in Origin origin, string reason)
    {
        _metrics.AbuseRefused(reason);
        if (_refusalLines.TryTake(out int missed))
        {
            AbuseLog.Refused(_log, origin.Address, reason, missed);
        }
    }

    /// <summary>A client is listed. Whether it is to be refused.</summary>
    public bool IsRefused(in Origin origin, DnsVerdict verdict)
    {
        AbuseOptions options = Volatile.Read(ref _options);
        if (verdict.Score < options.ListThreshold || verdict.Zone is null)
        {
            return false;
        }

        string reason = options.ListsOnlyMark ? "listed" : "dnsbl";
        _metrics.AbuseRefused(reason);
        if (_refusalLines.TryTake(out int missed))
        {
            string what = $"{verdict.Zone}, {verdict.Score} of {options.ListThreshold} {verdict.Text}";
            if (options.ListsOnlyMark)
            {
                AbuseLog.Marked(_log, origin.Address, what, missed);
            }
            else
            {
                AbuseLog.Refused(_log, origin.Address, $"listed by {what}", missed);
            }
        }

        return !options.ListsOnlyMark;
    }

    /// <summary>The bans that hold, the one that ends first before the others.</summary>
    public IReadOnlyList<BanStatus> Bans() => [.. _table.Bans(Now, remembered: false).OrderBy(static b => b.Until)];

    /// <summary>Lifts the ban of an address or network, or all when it is null; what was counted goes too. How many there were.</summary>
    public int Lift(string? address, string who)
    {
        int lifted = 0;
        if (address is null)
        {
            foreach (BanStatus ban in _table.Bans(Now, remembered: true))
            {
                lifted += ClientKey.TryParse(ban.Address, out ClientKey banned) && _table.Lift(banned, Now) ? 1 : 0;
            }
        }
        else
        {
            lifted = ClientKey.TryParse(address, out ClientKey key) && _table.Lift(key, Now) ? 1 : 0;
        }

        AbuseLog.Lifted(_log, LogText.Clean(who), lifted, LogText.Clean(address ?? "all"));
        return lifted;
    }

    private async Task KeepAsync()
    {
        long changes = _table.Changes;
        if (changes != _kept && await _file.SaveAsync(_table, Now).ConfigureAwait(false))
        {
            _kept = changes;
        }
    }

    private CountResult Count(in Origin origin, Offence offence, int weight, ulong lastTry)
    {
        long now = Now;
        CountResult result = _table.Count(origin.Key, offence, weight, origin.MayBan, lastTry, now, out BanStatus? ban);
        Say(ban);
        if (result != CountResult.Repeated && origin.MayBan)
        {
            bool isNetworkBanned = _table.Count(origin.Network, offence, weight, mayBan: true, 0, now, out ban) == CountResult.Banned;
            Say(ban);
            result = isNetworkBanned ? CountResult.Banned : result;
        }

        return result;
    }

    private void Say(BanStatus? ban)
    {
        if (ban is null)
        {
            return;
        }

        _metrics.Banned(ban.Reason);
        if (_banLines.TryTake(out int missed))
        {
            AbuseLog.Banned(_log, ban.Address, ban.Until, ban.Count, ban.Reason, ban.Bans, missed);
        }
    }

    private ClientKey UserKey(ReadOnlySpan<byte> user) => new(ClientKeyKind.User, Digest(user, "user"u8));

    /// <summary>An IPv4 address, or a network of IPv6: an address there changes by the day.</summary>
    private ClientKey PlaceKey(ReadOnlySpan<byte> user, in Origin origin)
    {
        UInt128 place = ClientKey.IsIpv4(origin.Key.Value) ? origin.Key.Value : origin.Network.Value;
        Span<byte> octets = stackalloc byte[16];
        System.Buffers.Binary.BinaryPrimitives.WriteUInt128BigEndian(octets, place);
        return new ClientKey(ClientKeyKind.UserPlace, Digest(user, octets));
    }

    /// <summary>By a secret of this process, so that nobody can choose what falls together; the lengths are in it, so that no two pairs look the same.</summary>
    private UInt128 Digest(ReadOnlySpan<byte> first, ReadOnlySpan<byte> second)
    {
        using var hash = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, _secret);
        Span<byte> digest = stackalloc byte[32];
        System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(digest, first.Length);
        hash.AppendData(digest[..4]);
        hash.AppendData(first);
        hash.AppendData(second);
        hash.GetHashAndReset(digest);
        return System.Buffers.Binary.BinaryPrimitives.ReadUInt128BigEndian(digest);
    }
}
