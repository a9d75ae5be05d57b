using System.Text;
using System.Text.Json;
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

    [Fact]
    public void B23_the_public_address_vectors_agree()
    {
        string? folder = Environment.GetEnvironmentVariable("RELAY_VECTORS");
        Assert.SkipWhen(string.IsNullOrEmpty(folder), "RELAY_VECTORS names no folder.");
        using JsonDocument vectors = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder!, "address-isemail", "isemail.json")));
        var wrong = new List<string>();
        foreach (JsonElement vector in vectors.RootElement.EnumerateArray())
        {
            string address = vector.GetProperty("address").GetString()!;
            bool expected = vector.GetProperty("rfc5321_mailbox").GetBoolean();
            if (Mailbox.TryParse(Encoding.UTF8.GetBytes(address), out _) != expected)
            {
                wrong.Add($"{vector.GetProperty("id").GetInt32()} {address} {vector.GetProperty("diagnosis").GetString()}: expected {expected}");
            }
        }

        Assert.Empty(wrong);
    }
}
