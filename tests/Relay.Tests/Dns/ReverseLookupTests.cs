using System.Net;
using Microsoft.Extensions.Time.Testing;
using Relay.Dns;

namespace Relay.Tests.Dns;

public sealed class ReverseLookupTests
{
    private static readonly IPAddress Client = IPAddress.Parse("192.0.2.7");

    private readonly FakeTimeProvider _time = new();
    private readonly ScriptedResolver _dns = new();

    [Fact]
    public async Task A_name_that_claims_the_address_in_turn_is_the_name()
    {
        _dns.Ptr("192.0.2.7", "client.example").Host("client.example", "192.0.2.9", "192.0.2.7");
        Assert.Equal("client.example", await LookUpAsync(Client));
    }

    [Fact]
    public async Task An_IPv6_client_is_confirmed_by_AAAA_records()
    {
        _dns.Ptr("2001:db8::7", "client.example").Host("client.example", "2001:db8::7");
        Assert.Equal("client.example", await LookUpAsync(IPAddress.Parse("2001:db8::7")));
    }

    [Fact]
    public async Task A_mapped_address_is_looked_up_as_what_it_is()
    {
        _dns.Ptr("192.0.2.7", "client.example").Host("client.example", "192.0.2.7");
        Assert.Equal("client.example", await LookUpAsync(Client.MapToIPv6()));
    }

    [Fact]
    public async Task A_name_that_does_not_claim_the_address_is_nobodys()
    {
        _dns.Ptr("192.0.2.7", "bank.example").Host("bank.example", "198.51.100.1");
        Assert.Null(await LookUpAsync(Client));
    }

    [Fact]
    public async Task The_second_name_counts_when_the_first_is_not_confirmed()
    {
        _dns.Ptr("192.0.2.7", "bank.example", "client.example").Host("bank.example", "198.51.100.1").Host("client.example", "192.0.2.7");
        Assert.Equal("client.example", await LookUpAsync(Client));
    }

    [Fact]
    public async Task Hundreds_of_names_are_not_all_looked_up()
    {
        _dns.Ptr("192.0.2.7", [.. Enumerable.Range(0, 300).Select(i => $"h{i}.example")]);
        Assert.Null(await LookUpAsync(Client));
        Assert.True(_dns.AskedInAll <= 4);
    }

    [Theory]
    [InlineData("evil\\013\\010name.example")]
    [InlineData("evil\r\nname.example")]
    [InlineData("a)b.example")]
    [InlineData("a b.example")]
    [InlineData("\0.example")]
    [InlineData("1.2.3.4")]
    [InlineData("")]
    public async Task A_name_with_odd_characters_is_unknown_even_if_confirmed(string name)
    {
        _dns.Ptr("192.0.2.7", name).Host(name, "192.0.2.7");
        Assert.Null(await LookUpAsync(Client));
    }

    [Fact]
    public async Task A_name_of_255_octets_is_unknown()
    {
        string name = string.Join('.', Enumerable.Repeat(new string('a', 63), 4));
        _dns.Ptr("192.0.2.7", name).Host(name, "192.0.2.7");
        Assert.Null(await LookUpAsync(Client));
    }

    [Theory]
    [InlineData("PTR", "192.0.2.7")]
    [InlineData("A", "client.example")]
    public async Task Trouble_with_either_look_up_makes_the_name_unknown(string type, string name)
    {
        _dns.Ptr("192.0.2.7", "client.example").Host("client.example", "192.0.2.7").Fails(type, name);
        Assert.Null(await LookUpAsync(Client));
    }

    [Theory]
    [InlineData("PTR", "192.0.2.7")]
    [InlineData("A", "client.example")]
    public async Task After_two_seconds_the_name_is_unknown(string type, string name)
    {
        _dns.Ptr("192.0.2.7", "client.example").Host("client.example", "192.0.2.7").Hold(type, name);
        Task<string?> pending = LookUpAsync(Client);
        _time.Advance(TimeSpan.FromSeconds(1.9));
        Assert.False(pending.IsCompleted);
        _time.Advance(TimeSpan.FromSeconds(0.1));
        Assert.Null(await pending.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_client_that_is_gone_stops_the_look_up()
    {
        _dns.Hold("PTR", "192.0.2.7");
        using var gone = new CancellationTokenSource();
        Task<string?> pending = new ReverseLookup(_dns, _time).LookUpAsync(Client, gone.Token).AsTask();
        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => pending);
    }

    private Task<string?> LookUpAsync(IPAddress address) => new ReverseLookup(_dns, _time).LookUpAsync(address, default).AsTask();
}
