using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Relay.Flow;
using Relay.Flow.Route;
using Relay.Protocol.Policy;
using Relay.Tests.Dns;
using Relay.Tests.Support;

namespace Relay.Tests.Flow.Route;

/// <summary>Which policy of MTA-STS holds for a domain, whatever becomes of its record, its server and our files (RFC 8461 §3, §5).</summary>
public sealed class StsPoliciesTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("relay-sts-").FullName;
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 11, 30, 8, 0, 0, TimeSpan.Zero));
    private readonly ScriptedResolver _dns = new();
    private StsPolicies _policies;
    private StsFetched _served;
    private int _fetched;
    private TaskCompletionSource? _slow;

    public StsPoliciesTests()
    {
        _policies = Open();
        Publish("1", "enforce", TimeSpan.FromDays(7));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task L26_a_domain_without_a_record_has_no_policy_and_none_is_fetched()
    {
        Assert.Null((await FindAsync("other.example")).Policy);
        _dns.Txt("_mta-sts.two.example", "v=STSv1; id=1", "v=STSv1; id=2");
        Assert.Null((await FindAsync("two.example")).Policy);
        Assert.Equal(0, _fetched);
    }

    [Fact]
    public async Task L26_a_policy_is_fetched_once_and_again_when_its_id_changes()
    {
        await FindAsync();
        Assert.Equal(MtaStsMode.Enforce, (await FindAsync()).Policy!.Mode);
        Assert.Equal(1, _fetched);
        Publish("2", "testing", TimeSpan.FromDays(7));
        Assert.Equal(MtaStsMode.Testing, (await FindAsync()).Policy!.Mode);
        Assert.Equal(2, _fetched);
    }

    [Theory]
    [InlineData("record gone")]
    [InlineData("record fails")]
    [InlineData("record broken")]
    [InlineData("server fails")]
    public async Task L26_what_was_had_holds_until_its_age_is_over_whatever_happens(string what)
    {
        await FindAsync();
        _served = new StsFetched(null, TlsFault.StsPolicyFetchError, "404");
        _ = what switch
        {
            "record gone" => _dns.Txt("_mta-sts.dest.example"),
            "record fails" => _dns.Fails("TXT", "_mta-sts.dest.example"),
            "record broken" => _dns.Txt("_mta-sts.dest.example", "v=STSv1; id=!"),
            _ => _dns.Txt("_mta-sts.dest.example", "v=STSv1; id=2"),
        };
        _time.Advance(TimeSpan.FromDays(7) - TimeSpan.FromMinutes(1));
        Assert.NotNull((await FindAsync()).Policy);
        _time.Advance(TimeSpan.FromMinutes(2));
        Assert.Null((await FindAsync()).Policy);
    }

    [Fact]
    public async Task L26_a_policy_that_cannot_be_had_is_none_and_is_asked_for_again_after_five_minutes()
    {
        _served = new StsFetched(null, TlsFault.StsWebPkiInvalid, "self-signed");
        Assert.Equal(new StsAnswer(null, TlsFault.StsWebPkiInvalid), await FindAsync());
        Assert.Equal(new StsAnswer(null, TlsFault.StsWebPkiInvalid), await FindAsync());
        Assert.Equal(1, _fetched);
        _time.Advance(TimeSpan.FromMinutes(5));
        await FindAsync();
        Assert.Equal(2, _fetched);
    }

    [Fact]
    public async Task L26_a_policy_survives_a_restart()
    {
        await FindAsync();
        _policies = Open();
        _dns.Fails("TXT", "_mta-sts.dest.example");
        Assert.Equal(["mx.example"], (await FindAsync()).Policy!.Hosts);
        Assert.Equal(1, _fetched);
    }

    [Theory]
    [InlineData("")]
    [InlineData("1\n2026")]
    [InlineData("1\n2026-11-30T08:00:00.0000000+00:00\nversion: STSv1\nmode: enf")]
    public async Task L26_a_policy_whose_file_is_damaged_lets_nothing_go_until_it_is_fetched_anew(string content)
    {
        await FindAsync();
        await File.WriteAllTextAsync(Path.Combine(_folder, "mta-sts", "dest.example"), content, TestContext.Current.CancellationToken);
        _policies = Open();
        StsFetched served = _served;
        _served = new StsFetched(null, TlsFault.StsPolicyFetchError, "404");
        Assert.Contains("is lost and can't be fetched anew: 404", (await FindAsync()).Trouble, StringComparison.Ordinal);
        _served = served;
        _time.Advance(TimeSpan.FromMinutes(5));
        StsAnswer healed = await FindAsync();
        Assert.Null(healed.Trouble);
        Assert.NotNull(healed.Policy);
        _policies = Open();
        Assert.NotNull((await FindAsync()).Policy);
    }

    [Fact]
    public async Task A_policy_that_was_withdrawn_is_none()
    {
        await FindAsync();
        Publish("2", "none", TimeSpan.FromDays(1));
        Assert.Equal(default, await FindAsync());
    }

    [Fact]
    public async Task A_policy_past_half_its_age_is_fetched_in_the_background_while_it_holds()
    {
        await FindAsync();
        _time.Advance(TimeSpan.FromDays(4));
        _slow = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Assert.NotNull((await FindAsync()).Policy);
        await Eventually.True(() => Volatile.Read(ref _fetched) == 2, "it is fetched");
        _slow.SetResult();
        await Eventually.True(() => File.ReadAllText(Path.Combine(_folder, "mta-sts", "dest.example")).Contains("2026-12-04T", StringComparison.Ordinal), "it is kept");
        // Past the age of the first one, and not yet past half that of the second.
        _time.Advance(TimeSpan.FromDays(3));
        Assert.NotNull((await FindAsync()).Policy);
    }

    [Fact]
    public async Task L26_a_slow_server_holds_up_its_own_mail_and_nobody_else()
    {
        _slow = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Task<StsAnswer> waiting = FindAsync().AsTask();
        await Eventually.True(() => Volatile.Read(ref _fetched) == 1, "it is fetched");
        _time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(new StsAnswer(null, Trouble: "the domain's MTA-STS policy is being fetched, which takes long"), await waiting);
        _slow.SetResult();
        await Eventually.True(() => File.Exists(Path.Combine(_folder, "mta-sts", "dest.example")), "it is had");
        Assert.NotNull((await FindAsync()).Policy);
        Assert.Equal(1, _fetched);
    }

    [Fact]
    public async Task L26_a_policy_that_may_not_be_kept_holds_for_whom_it_was_fetched()
    {
        Publish("1", "enforce", TimeSpan.Zero);
        Assert.NotNull((await FindAsync()).Policy);
        Assert.NotNull((await FindAsync()).Policy);
        Assert.Equal(2, _fetched);
    }

    [Fact]
    public async Task Many_who_ask_at_once_are_served_by_one_fetch()
    {
        _slow = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Task<StsAnswer>[] all = [.. Enumerable.Range(0, 20).Select(_ => FindAsync().AsTask())];
        _slow.SetResult();
        Assert.All(await Task.WhenAll(all), static a => Assert.NotNull(a.Policy));
        Assert.Equal(1, _fetched);
    }

    private StsPolicies Open()
    {
        var store = new StsStore(Path.Combine(_folder, "mta-sts"), _time, NullLogger.Instance);
        store.Load();
        return new StsPolicies(store, _time, NullLogger.Instance);
    }

    private void Publish(string id, string mode, TimeSpan age)
    {
        _dns.Txt("_mta-sts.dest.example", $"v=STSv1; id={id};");
        Assert.True(MtaStsPolicy.TryParse($"version: STSv1\nmode: {mode}\nmx: mx.example\nmax_age: {(long)age.TotalSeconds}\n", out MtaStsPolicy? policy, out _));
        _served = new StsFetched(policy);
    }

    private ValueTask<StsAnswer> FindAsync(string domain = "dest.example") => _policies.FindAsync(_dns, FetchAsync, domain, TestContext.Current.CancellationToken);

    private async Task<StsFetched> FetchAsync(string domain)
    {
        Interlocked.Increment(ref _fetched);
        if (_slow is { } slow)
        {
            await slow.Task;
        }

        return _served;
    }
}
