using Relay.Dns;

namespace Relay.Tests.Dns;

public sealed class DnsNameTests
{
    [Theory]
    [InlineData("example.com", "example.com")]
    [InlineData("Example.COM.", "example.com")]
    [InlineData("_dmarc.example.com", "_dmarc.example.com")]
    [InlineData("bücher.example", "xn--bcher-kva.example")]
    [InlineData("BÜCHER.example", "xn--bcher-kva.example")]
    [InlineData("com", "com")]
    public void A_name_is_written_in_one_way(string name, string normal)
    {
        Assert.True(DnsName.TryNormalize(name, out string? written));
        Assert.Equal(normal, written);
    }

    [Theory]
    [InlineData("")]
    [InlineData(".")]
    [InlineData(".example")]
    [InlineData("a..example")]
    [InlineData("example..")]
    [InlineData("a b.example")]
    [InlineData("a\r\n.example")]
    [InlineData("a\\.b.example")]
    [InlineData("[192.0.2.1]")]
    [InlineData("a@b")]
    public void What_is_no_name_is_refused(string name)
    {
        Assert.False(DnsName.TryNormalize(name, out string? written));
        Assert.Null(written);
    }

    [Fact]
    public void Labels_have_63_octets_and_names_253()
    {
        string label = new('a', 63);
        string longest = $"{label}.{label}.{label}.{new string('b', 61)}";
        Assert.True(DnsName.TryNormalize(longest, out _));
        Assert.False(DnsName.TryNormalize(longest + "b", out _));
        Assert.False(DnsName.TryNormalize(label + "a.example", out _));
    }

    [Theory]
    [InlineData("mx.example", true)]
    [InlineData("1.2.3.example", true)]
    [InlineData("1.2.3.4", false)]
    [InlineData("4", false)]
    [InlineData("MX.example", false)]
    [InlineData("", false)]
    public void A_host_is_a_name_in_normal_form_that_is_no_address(string name, bool isHost) => Assert.Equal(isHost, DnsName.IsHost(name));

    [Fact]
    public void A_name_in_normal_form_is_not_copied()
    {
        string name = "mail.example.com";
        Assert.True(DnsName.TryNormalize(name, out string? same));
        Assert.Same(name, same);
    }

    [Fact]
    public void Resolv_conf_gives_its_nameserver_lines()
    {
        string[] lines = ["# comment", "search example.com", "nameserver 192.0.2.53", "nameserver\t2001:db8::53  ", "nameserver nonsense", "options edns0"];
        Assert.Equal(["192.0.2.53:53", "[2001:db8::53]:53"], SystemServers.Parse(lines).Select(server => server.ToString()));
    }

    [Fact]
    public void Without_nameserver_lines_this_machine_is_asked() => Assert.Equal("127.0.0.1:53", Assert.Single(SystemServers.Parse([])).ToString());
}
