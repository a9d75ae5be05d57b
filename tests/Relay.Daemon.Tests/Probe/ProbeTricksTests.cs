using System.Net;
using Relay.Daemon.Probe;

namespace Relay.Daemon.Tests.Probe;

public sealed class ProbeTricksTests
{
    private static readonly ProbeOptions Options = new("mx.ours.test", 25) { From = "a@from.test", To = "user@else.test", Domain = "ours.test" };

    [Fact]
    public void There_are_forty_at_least_and_no_two_say_the_same()
    {
        ProbeNames names = Names(Options);
        Assert.InRange(ProbeTricks.All.Count, 40, 200);
        Assert.Equal(ProbeTricks.All.Count, ProbeTricks.All.Select(static t => t.Name).Distinct().Count());
        Assert.Equal(ProbeTricks.All.Count, ProbeTricks.All.Select(t => string.Join('\n', [t.Opening, t.SaysHello, .. t.Commands.Select(names.Expand)])).Distinct().Count());
    }

    [Fact]
    public void Each_ends_with_a_recipient_elsewhere_and_none_has_content()
    {
        ProbeNames names = Names(Options);
        foreach (ProbeTrick trick in ProbeTricks.All)
        {
            string[] commands = [.. trick.Commands.Select(names.Expand)];
            Assert.StartsWith("RCPT TO:", commands[^1], StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain(commands, static c => c.StartsWith("DATA", StringComparison.OrdinalIgnoreCase) || c.StartsWith("BDAT", StringComparison.OrdinalIgnoreCase));
            Assert.DoesNotContain(commands, static c => c.Contains('\r', StringComparison.Ordinal) || c.Contains('\n', StringComparison.Ordinal) || c.Contains('{', StringComparison.Ordinal));
            Assert.True(commands[^1].Contains("else.test", StringComparison.OrdinalIgnoreCase) || trick.Name.Contains("elsewhere", StringComparison.Ordinal), $"{trick.Name}: {commands[^1]}");
        }
    }

    [Fact]
    public void One_that_ends_in_a_place_of_the_servers_own_has_a_control_there()
    {
        foreach (ProbeTrick trick in ProbeTricks.All)
        {
            string last = trick.Commands[^1];
            bool isOwn = last.EndsWith("@{domain}>", StringComparison.Ordinal) || last.EndsWith("@{ip}>", StringComparison.Ordinal) || last.EndsWith("localhost>", StringComparison.Ordinal) || !last.Contains('@', StringComparison.Ordinal) && !last.Contains("{to}", StringComparison.OrdinalIgnoreCase);
            Assert.True(!isOwn || trick.Control is not null, $"{trick.Name}: {last}");
        }
    }

    [Theory]
    [InlineData("plain", "RCPT TO:<user@else.test>")]
    [InlineData("no brackets", "RCPT TO:user@else.test")]
    [InlineData("upper case", "RCPT TO:<USER@ELSE.TEST>")]
    [InlineData("quotes around the address", "RCPT TO:<\"user@else.test\">")]
    [InlineData("quoted address at the domain", "RCPT TO:<\"user@else.test\"@ours.test>")]
    [InlineData("double @ at the literal", "RCPT TO:<user@else.test@[192.0.2.25]>")]
    [InlineData("percent hack at the domain", "RCPT TO:<user%else.test@ours.test>")]
    [InlineData("percent hack at the bare address", "RCPT TO:<user%else.test@192.0.2.25>")]
    [InlineData("bang path", "RCPT TO:<else.test!user>")]
    [InlineData("bang path through the domain", "RCPT TO:<ours.test!else.test!user>")]
    [InlineData("source route", "RCPT TO:<@ours.test:user@else.test>")]
    [InlineData("backslash before the @", "RCPT TO:<user\\@else.test@ours.test>")]
    [InlineData("NUL within the domain", "RCPT TO:<user@else.test\0.ours.test>")]
    [InlineData("U-label", "RCPT TO:<user@bücher.else.test>")]
    [InlineData("NOTIFY and ORCPT", "RCPT TO:<user@else.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;a@from.test")]
    public void A_recipient_is_what_its_name_says(string name, string command) => Assert.Equal(command, Names(Options).Expand(ProbeTricks.All.Single(t => t.Name == name).Commands[^1]));

    [Theory]
    [InlineData("null sender", "MAIL FROM:<>")]
    [InlineData("sender at the literal", "MAIL FROM:<user@[192.0.2.25]>")]
    [InlineData("sender by a source route", "MAIL FROM:<@ours.test:a@from.test>")]
    [InlineData("AUTH=postmaster", "MAIL FROM:<a@from.test> AUTH=postmaster@ours.test")]
    [InlineData("HELO as the literal", "HELO [192.0.2.25]")]
    public void What_comes_first_is_what_its_name_says(string name, string command) => Assert.Equal(command, Names(Options).Expand(ProbeTricks.All.Single(t => t.Name == name).Commands[0]));

    [Theory]
    [InlineData("mx.banner.test", "192.0.2.25", "mx.banner.test")]
    [InlineData("ESMTP", "192.0.2.25", "[192.0.2.25]")]
    [InlineData("evil>\u001b[2J.test", "192.0.2.25", "[192.0.2.25]")]
    [InlineData("", "2001:db8::25", "[IPv6:2001:db8::25]")]
    public void Without_a_domain_the_banners_name_is_taken_or_the_address(string banner, string address, string domain) =>
        Assert.Equal(domain, new ProbeNames(Options with { Domain = null }, banner, IPAddress.Parse(address), IPAddress.Loopback).Domain);

    private static ProbeNames Names(ProbeOptions options) => new(options, "mx.banner.test", IPAddress.Parse("192.0.2.25"), IPAddress.Parse("192.0.2.1"));
}
