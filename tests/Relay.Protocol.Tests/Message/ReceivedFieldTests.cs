using System.Buffers;
using System.Net;
using System.Text;
using Relay.Protocol.Message;
using Relay.Testing;

namespace Relay.Protocol.Tests.Message;

public class ReceivedFieldTests
{
    private static string Write(string hello = "c.example", string? name = "client.example", string address = "192.0.2.1", string recipient = "u@d.example", string protocol = "ESMTPS", string by = "relay.example")
    {
        var output = new ArrayBufferWriter<byte>();
        ReceivedField.Write(output, new ReceivedInfo
        {
            Hello = Segments.Bytes(hello),
            ClientName = name,
            ClientAddress = IPAddress.Parse(address),
            By = by,
            Protocol = protocol,
            Id = new QueueId(33),
            For = Segments.Bytes(recipient),
            Date = new DateTimeOffset(2026, 11, 24, 8, 0, 38, TimeSpan.Zero),
        });
        return Encoding.Latin1.GetString(output.WrittenSpan);
    }

    [Fact]
    public void J1_the_field_tells_who_gave_us_what_for_whom() => Assert.Equal(
        "Received: from c.example (client.example [192.0.2.1])\r\n\tby relay.example with ESMTPS id 0000000000011\r\n\tfor <u@d.example>; Tue, 24 Nov 2026 08:00:38 +0000\r\n",
        Write());

    [Fact]
    public void J1_without_a_recipient_there_is_no_for() => Assert.Equal(
        "Received: from c.example (unknown [192.0.2.1])\r\n\tby relay.example with SMTP id 0000000000011;\r\n\tTue, 24 Nov 2026 08:00:38 +0000\r\n",
        Write(name: null, recipient: "", protocol: "SMTP"));

    [Theory]
    [InlineData("::1", "[IPv6:::1]")]
    [InlineData("2001:db8::a", "[IPv6:2001:db8::a]")]
    [InlineData("fe80::1%3", "[IPv6:fe80::1]")]
    [InlineData("::ffff:192.0.2.1", "[192.0.2.1]")]
    [InlineData("255.255.255.255", "[255.255.255.255]")]
    [InlineData("2001:db8:1111:2222:3333:4444:5555:6666", "[IPv6:2001:db8:1111:2222:3333:4444:5555:6666]")]
    public void A13_addresses_are_literals(string address, string literal) => Assert.Contains($" {literal})", Write(address: address), StringComparison.Ordinal);

    [Theory]
    [InlineData("a(b")]
    [InlineData("a)")]
    [InlineData("a;b")]
    [InlineData("a\"b")]
    [InlineData("a\\")]
    [InlineData("a\rX-Inj: 1")]
    [InlineData("a\r\nX-Inj: 1")]
    [InlineData("[1.2.3.4] x")]
    [InlineData("\xe9")]
    [InlineData("")]
    public void J2_a_name_that_could_mean_anything_else_there_stays_out(string hello) => Assert.StartsWith("Received: from unknown (client.example ", Write(hello), StringComparison.Ordinal);

    [Theory]
    [InlineData("a\r\nX: y")]
    [InlineData("a\0b")]
    [InlineData("a)b")]
    [InlineData("a b")]
    [InlineData("caf\u00e9.example")]
    [InlineData("")]
    public void J3_a_PTR_name_that_is_no_host_name_is_unknown(string name) => Assert.StartsWith("Received: from c.example (unknown [", Write(name: name), StringComparison.Ordinal);

    [Theory]
    [InlineData("a\rX: y@b")]
    [InlineData("\"a\rb\"@c")]
    [InlineData("a>; x@b")]
    [InlineData("nobody")]
    public void J2_what_is_no_mailbox_is_left_out(string recipient) => Assert.DoesNotContain("for <", Write(recipient: recipient), StringComparison.Ordinal);

    [Fact]
    public void The_longest_names_fit_and_no_line_is_longer_than_998()
    {
        string label = new('d', 63);
        string field = Write(new string('h', 255), new string('n', 255), "2001:db8:1111:2222:3333:4444:5555:6666", $"{new string('l', 64)}@{label}.{label}.{label[2..]}", "UTF8SMTPSA", new string('b', 255));
        Assert.Contains("for <lll", field, StringComparison.Ordinal);
        Assert.All(field.Split("\r\n"), static line => Assert.InRange(line.Length, 0, 998));
    }

    [Fact]
    public void Nothing_is_allocated()
    {
        var output = new ArrayBufferWriter<byte>(4096);
        IPAddress v4 = IPAddress.Parse("192.0.2.1"), v6 = IPAddress.Parse("2001:db8::1"), mapped = IPAddress.Parse("::ffff:192.0.2.1");
        byte[] hello = Segments.Bytes("c.example"), recipient = Segments.Bytes("u@d.example");
        DateTimeOffset date = DateTimeOffset.UnixEpoch;
        void Write(IPAddress address) => ReceivedField.Write(output, new ReceivedInfo
        {
            Hello = hello,
            ClientName = "client.example",
            ClientAddress = address,
            By = "relay.example",
            Protocol = "ESMTP",
            Id = new QueueId(1),
            For = recipient,
            Date = date,
        });

        Assert.Equal(0, Allocations.Of(() =>
        {
            output.ResetWrittenCount();
            Write(v4);
            Write(v6);
            Write(mapped);
        }));
    }
}
