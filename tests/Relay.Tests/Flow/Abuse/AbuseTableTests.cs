using System.Net;
using Relay.Flow;
using Relay.Flow.Abuse;

namespace Relay.Tests.Flow.Abuse;

/// <summary>What the table counts, forgets, bans and gives up when it is full.</summary>
public class AbuseTableTests
{
    private static readonly AbuseOptions Options = new();

    private long _now = new DateTimeOffset(2026, 11, 30, 12, 0, 0, TimeSpan.Zero).UtcTicks;

    [Fact]
    public void Ten_failures_ban_for_ten_minutes_and_the_next_ban_is_twice_as_long_up_to_a_day()
    {
        var table = new AbuseTable(Options);
        ClientKey key = Address("192.0.2.7");
        TimeSpan[] bans = [.. Enumerable.Range(0, 10).Select(_ =>
        {
            BanStatus ban = FailUntilBanned(table, key, out int failures);
            Assert.Equal(10, failures);
            Assert.True(table.IsBanned(key, _now));
            _now = ban.Until.UtcTicks;
            Assert.False(table.IsBanned(key, _now));
            return ban.Until - ban.Since;
        })];
        Assert.Equal([10, 20, 40, 80, 160, 320, 640, 1280, 1440, 1440], bans.Select(static b => (int)b.TotalMinutes));
    }

    [Fact]
    public void A_ban_that_is_over_for_a_day_is_forgotten()
    {
        var table = new AbuseTable(Options);
        ClientKey key = Address("192.0.2.7");
        FailUntilBanned(table, key, out _);
        Pass(TimeSpan.FromDays(2));
        BanStatus again = FailUntilBanned(table, key, out _);
        Assert.Equal(TimeSpan.FromMinutes(10), again.Until - again.Since);
        Assert.Equal(1, again.Bans);
    }

    [Fact]
    public void What_comes_slower_than_the_limit_never_bans()
    {
        var table = new AbuseTable(Options);
        ClientKey key = Address("192.0.2.7");
        for (int i = 0; i < 10_000; i++)
        {
            Assert.Equal(CountResult.Counted, table.Count(key, Offence.Login, 1, true, 0, _now, out _));
            Pass(TimeSpan.FromMinutes(1));
        }
    }

    [Fact]
    public void The_same_wrong_password_again_is_no_further_guess()
    {
        var table = new AbuseTable(Options);
        ClientKey key = Address("192.0.2.7");
        Assert.Equal(CountResult.Counted, table.Count(key, Offence.Login, 1, true, 77, _now, out _));
        for (int i = 0; i < 100; i++)
        {
            Assert.Equal(CountResult.Repeated, table.Count(key, Offence.Login, 1, true, 77, _now, out _));
        }

        Assert.Equal(CountResult.Counted, table.Count(key, Offence.Login, 1, true, 78, _now, out _));
    }

    [Fact]
    public void Each_offence_has_a_limit_of_its_own()
    {
        var table = new AbuseTable(Options);
        ClientKey key = Address("192.0.2.7");
        for (int i = 0; i < 9; i++)
        {
            table.Count(key, Offence.Login, 1, true, 0, _now, out _);
        }

        for (int i = 0; i < 49; i++)
        {
            Assert.Equal(CountResult.Counted, table.Count(key, Offence.Recipient, 1, true, 0, _now, out _));
        }

        Assert.Equal(CountResult.Banned, table.Count(key, Offence.Recipient, 1, true, 0, _now, out BanStatus? ban));
        Assert.Equal("recipients", ban!.Reason);
        Assert.Equal(50, ban.Count);
    }

    [Fact]
    public void A_password_waits_a_second_after_three_failures_then_two_then_four_and_five_at_most()
    {
        var table = new AbuseTable(Options with { Logins = new Rate(1000, TimeSpan.FromDays(1)) });
        ClientKey key = Address("192.0.2.7");
        var waits = new List<double>();
        for (int i = 0; i < 8; i++)
        {
            LoginTurn turn = table.TryBegin(key, _now, out TimeSpan wait);
            waits.Add(Math.Round(wait.TotalSeconds));
            _now += wait.Ticks;
            if (turn == LoginTurn.Wait)
            {
                Assert.Equal(LoginTurn.Now, table.TryBegin(key, _now, out _));
            }

            table.Count(key, Offence.Login, 1, true, 0, _now, out _);
            table.EndTry(key, _now);
        }

        Assert.Equal([0, 0, 0, 1, 2, 4, 5, 5], waits);
    }

    [Fact]
    public void Of_many_at_once_three_passwords_are_looked_at_and_after_failures_one()
    {
        var table = new AbuseTable(Options);
        ClientKey key = Address("192.0.2.7");
        Assert.Equal(3, Enumerable.Range(0, 100).Count(_ => table.TryBegin(key, _now, out TimeSpan _) == LoginTurn.Now));
        for (int i = 0; i < 3; i++)
        {
            table.Count(key, Offence.Login, 1, true, 0, _now, out _);
            table.EndTry(key, _now);
        }

        Pass(TimeSpan.FromSeconds(1));
        Assert.Equal(1, Enumerable.Range(0, 100).Count(_ => table.TryBegin(key, _now, out TimeSpan _) == LoginTurn.Now));
    }

    [Fact]
    public void A_clock_that_is_set_back_makes_nobody_wait_for_long()
    {
        var table = new AbuseTable(Options);
        ClientKey key = Address("192.0.2.7");
        for (int i = 0; i < 5; i++)
        {
            table.Count(key, Offence.Login, 1, true, 0, _now, out _);
        }

        Pass(TimeSpan.FromDays(-1));
        Assert.Equal(LoginTurn.Wait, table.TryBegin(key, _now, out TimeSpan wait));
        Assert.True(wait <= Options.LongestDelay);
    }

    [Fact]
    public void A_network_has_ten_times_what_an_address_has()
    {
        var table = new AbuseTable(Options);
        FailUntilBanned(table, ClientKey.Network(IPAddress.Parse("192.0.2.7")), out int failures);
        Assert.Equal(100, failures);
    }

    [Fact]
    public void Connections_are_held_to_a_rate_and_not_banned()
    {
        var table = new AbuseTable(Options with { Connections = new Rate(5, TimeSpan.FromMinutes(1)) });
        ClientKey key = Address("192.0.2.7");
        Assert.Equal(5, Enumerable.Range(0, 50).Count(_ => table.TryConnect(key, _now)));
        Pass(TimeSpan.FromSeconds(12));
        Assert.Equal(1, Enumerable.Range(0, 50).Count(_ => table.TryConnect(key, _now)));
        Assert.False(table.IsBanned(key, _now));
    }

    /// <summary>A million addresses, each of which fails once, against the bans and the counts of others.</summary>
    [Fact]
    public void A_flood_of_addresses_pushes_out_no_ban_and_no_count_that_is_nearly_one()
    {
        var table = new AbuseTable(Options, sets: 64);
        ClientKey[] banned = [.. Enumerable.Range(0, 100).Select(static i => Address($"192.0.2.{i}"))];
        ClientKey[] nearly = [.. Enumerable.Range(0, 100).Select(static i => Address($"198.51.100.{i}"))];
        foreach (ClientKey key in banned)
        {
            FailUntilBanned(table, key, out _);
        }

        foreach (ClientKey key in nearly)
        {
            for (int i = 0; i < 9; i++)
            {
                table.Count(key, Offence.Login, 1, true, 0, _now, out _);
            }
        }

        var prefix = IPAddress.Parse("2001:db8::");
        byte[] octets = prefix.GetAddressBytes();
        for (int i = 0; i < 1_000_000; i++)
        {
            System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(octets.AsSpan(12), i);
            table.Count(ClientKey.Address(new IPAddress(octets)), Offence.Login, 1, true, 0, _now, out _);
        }

        Assert.All(banned, key => Assert.True(table.IsBanned(key, _now)));
        Assert.All(nearly, key => Assert.Equal(CountResult.Banned, table.Count(key, Offence.Login, 1, true, 0, _now, out _)));
    }

    [Fact]
    public void When_all_are_bans_a_newcomer_is_made_to_wait_and_no_ban_gives_way_to_a_shorter_one()
    {
        var table = new AbuseTable(Options, sets: 1);
        ClientKey[] banned = [.. Enumerable.Range(0, AbuseTable.Ways).Select(static i => Address($"192.0.2.{i}"))];
        foreach (ClientKey key in banned)
        {
            FailUntilBanned(table, key, out _);
        }

        ClientKey late = Address("198.51.100.1");
        Assert.Equal(CountResult.Counted, table.Count(late, Offence.Login, 1, true, 0, _now, out _));
        Assert.Equal(LoginTurn.Wait, table.TryBegin(late, _now, out TimeSpan wait));
        Assert.Equal(Options.LongestDelay, wait);
        table.Restore(late, new DateTimeOffset(_now, TimeSpan.Zero), new DateTimeOffset(_now + TimeSpan.TicksPerMinute, TimeSpan.Zero), Offence.Login, 10, 1, _now);
        Assert.False(table.IsBanned(late, _now));
        Assert.All(banned, key => Assert.True(table.IsBanned(key, _now)));
        table.Restore(late, new DateTimeOffset(_now, TimeSpan.Zero), new DateTimeOffset(_now + TimeSpan.TicksPerDay, TimeSpan.Zero), Offence.Login, 10, 1, _now);
        Assert.True(table.IsBanned(late, _now));
    }

    [Fact]
    public void Counting_for_who_is_known_allocates_nothing()
    {
        var table = new AbuseTable(Options);
        ClientKey key = Address("192.0.2.7");
        Touch(table, key);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1000; i++)
        {
            Touch(table, key);
        }

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    [Fact]
    public async Task Many_threads_at_once_lose_no_count()
    {
        var table = new AbuseTable(Options with { Logins = new Rate(1_000_000, TimeSpan.FromDays(1)) });
        ClientKey key = Address("192.0.2.7");
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() =>
        {
            for (int i = 0; i < 5000; i++)
            {
                table.Count(key, Offence.Login, 1, true, 0, _now, out BanStatus? _);
            }
        }, TestContext.Current.CancellationToken)));
        table.Apply(Options with { Logins = new Rate(20_001, TimeSpan.FromDays(1)) });
        Assert.Equal(CountResult.Banned, table.Count(key, Offence.Login, 1, true, 0, _now, out BanStatus? ban));
        Assert.Equal(20_001, ban!.Count);
    }

    [Theory]
    [InlineData("192.0.2.7", "192.0.2.0/24")]
    [InlineData("::ffff:192.0.2.7", "192.0.2.0/24")]
    [InlineData("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64")]
    public void A_key_reads_as_the_address_or_network_it_stands_for(string address, string network)
    {
        ClientKey key = ClientKey.Network(IPAddress.Parse(address));
        Assert.Equal(network, key.ToString());
        Assert.True(ClientKey.TryParse(network, out ClientKey parsed));
        Assert.Equal(key, parsed);
        Assert.True(ClientKey.TryParse(address, out ClientKey one));
        Assert.Equal(ClientKey.Address(IPAddress.Parse(address)), one);
    }

    private static ClientKey Address(string text) => ClientKey.Address(IPAddress.Parse(text));

    private void Touch(AbuseTable table, ClientKey key)
    {
        table.IsBanned(key, _now);
        table.Count(key, Offence.Command, 1, false, 0, _now, out _);
        table.TryBegin(key, _now, out _);
        table.EndTry(key, _now);
    }

    private void Pass(TimeSpan time) => _now += time.Ticks;

    private BanStatus FailUntilBanned(AbuseTable table, ClientKey key, out int failures)
    {
        failures = 0;
        BanStatus? ban;
        do
        {
            failures++;
            Assert.True(failures < 1000);
            table.Count(key, Offence.Login, 1, true, 0, _now, out ban);
        }
        while (ban is null);
        return ban;
    }
}
