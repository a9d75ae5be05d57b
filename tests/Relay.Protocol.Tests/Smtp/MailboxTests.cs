using System.Text;
using Relay.Protocol.Smtp;

namespace Relay.Protocol.Tests.Smtp;

public class MailboxTests
{
    [Fact]
    public void The_parts_lie_in_the_text()
    {
        Assert.True(Mailbox.TryParse("\"a@b\"@c.example"u8, out Mailbox mailbox));
        Assert.Equal("\"a@b\"", Encoding.ASCII.GetString(mailbox.LocalPart));
        Assert.Equal("c.example", Encoding.ASCII.GetString(mailbox.Domain));
    }

    [Theory]
    [InlineData("a", true)]
    [InlineData("A-b.c9", true)]
    [InlineData("xn--bcher-kva.example", true)]
    [InlineData("1.2.3.4", true)]
    [InlineData("", false)]
    [InlineData(".", false)]
    [InlineData("a.", false)]
    [InlineData(".a", false)]
    [InlineData("a..b", false)]
    [InlineData("-a", false)]
    [InlineData("a-.b", false)]
    [InlineData("a_b", false)]
    [InlineData("a b", false)]
    [InlineData("a\0", false)]
    [InlineData("*.a", false)]
    [InlineData("\xe9", false)]
    public void A_domain_is_labels_of_letters_digits_and_inner_hyphens(string text, bool valid) => Assert.Equal(valid, Domain.IsValid(Segments.Bytes(text)));

    [Fact]
    public void A_domain_has_255_octets_at_most()
    {
        string label = new('d', 63);
        string longest = string.Join('.', label, label, label, label);
        Assert.Equal(255, longest.Length);
        Assert.True(Domain.IsValid(Segments.Bytes(longest)));
        Assert.False(Domain.IsValid(Segments.Bytes(string.Join('.', label, label, label, label[1..], "d"))));
        Assert.False(Domain.IsValid(Segments.Bytes(label + "d")));
    }

    [Theory]
    [InlineData("a\uff20b")]
    [InlineData("a\uff20b.example")]
    [InlineData("a@b\u3002example")]
    [InlineData("a@xn---")]
    [InlineData("a@xn--zzzzzz")]
    public void G10_what_only_looks_like_an_address_is_none(string address) => Assert.False(Mailbox.TryParse(Encoding.UTF8.GetBytes(address), out _, utf8: true));

    [Fact]
    public void G10_in_a_local_part_everything_stays_as_it_is()
    {
        foreach (string local in new[] { "a\uff20b", "\u00e9", "e\u0301", "\u0130", "\uff0e", "\"\u3002@\uff20\"", "\ud83d\ude00" })
        {
            byte[] address = Encoding.UTF8.GetBytes(local + "@b\u00fccher.example");
            Assert.True(Mailbox.TryParse(address, out Mailbox mailbox, utf8: true), local);
            Assert.Equal(local, Encoding.UTF8.GetString(mailbox.LocalPart));
        }
    }
}
