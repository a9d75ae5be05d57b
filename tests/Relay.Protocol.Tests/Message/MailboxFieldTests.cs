using System.Text;
using Relay.Protocol.Message;

namespace Relay.Protocol.Tests.Message;

public sealed class MailboxFieldTests
{
    [Theory]
    [InlineData("user@example.net", "example.net")]
    [InlineData(" User <user@example.net>\r\n", "example.net")]
    [InlineData("\"a@b.example\" <user@example.net>", "example.net")]
    [InlineData("a@b.example <user@example.net>", "example.net")]
    [InlineData("\"quote \\\" <x@y.example>\" <user@example.net>", "example.net")]
    [InlineData("(comment <x@y.example> (nested)) user@example.net (more @ z.example)", "example.net")]
    [InlineData("<user@example.net>, other@example.org", "example.net")]
    [InlineData("user@example.net, other@example.org", "example.net")]
    [InlineData("Group: user@example.net, b@example.org;", "example.net")]
    [InlineData("<@relay.example,@other.example:user@example.net>", "example.net")]
    [InlineData("\"user@inner.example\"@example.net", "example.net")]
    [InlineData("folded\r\n <user@example.net\r\n >", "example.net")]
    [InlineData("user@[192.0.2.1]", "[192.0.2.1]")]
    [InlineData("user@[IPv6:2001:db8::1]", "[IPv6:2001:db8::1]")]
    [InlineData("user", "")]
    [InlineData("", "")]
    [InlineData("Group:;", "")]
    [InlineData("\"never closed", "")]
    [InlineData("(never closed", "")]
    [InlineData("<user@example.net", "example.net")]
    [InlineData("user@", "")]
    public void The_domain_of_the_first_mailbox_is_found(string value, string domain) => Assert.Equal(domain, Encoding.ASCII.GetString(MailboxField.FirstDomain(Encoding.ASCII.GetBytes(value))));
}
