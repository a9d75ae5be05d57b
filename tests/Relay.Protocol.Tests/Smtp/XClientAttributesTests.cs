using Relay.Protocol.Smtp;

namespace Relay.Protocol.Tests.Smtp;

public class XClientAttributesTests
{
    private static string? Parse(string text) => XClientAttributes.TryParse(Segments.Bytes(text), out XClientAttributes a)
        ? $"{a.Given}|{a.Name}|{a.Address}|{a.Port}|{a.IsExtended}|{a.Hello}|{a.Login}|{a.DestinationAddress}|{a.DestinationPort}"
        : null;

    [Theory]
    [InlineData("NAME=c.example ADDR=192.0.2.1", "Name, Address|c.example|192.0.2.1||||||")]
    [InlineData("name=c.example addr=IPV6:2001:db8::1 port=1234", "Name, Address, Port|c.example|2001:db8::1|1234|||||")]
    [InlineData("ADDR=ipv6:::1", "Address||::1||||||")]
    [InlineData("PROTO=esmtp HELO=h.example LOGIN=u+40x", "Protocol, Hello, Login||||True|h.example|u@x||")]
    [InlineData("PROTO=SMTP", "Protocol||||False||||")]
    [InlineData("DESTADDR=198.51.100.2 DESTPORT=25", "DestinationAddress, DestinationPort|||||||198.51.100.2|25")]
    [InlineData("NAME=[UNAVAILABLE] ADDR=[unavailable] PORT=[TEMPUNAVAIL] LOGIN=[UNAVAILABLE] HELO=[UNAVAILABLE]", "Name, Address, Port, Hello, Login||||||||")]
    [InlineData("LOGIN=+CE+B4", "Login||||||\u03b4||")]
    [InlineData("HELO=[192.0.2.1]", "Hello|||||[192.0.2.1]|||")]
    public void I10_attributes_are_read(string text, string expected) => Assert.Equal(expected, Parse(text));

    [Theory]
    [InlineData("HELO=a+20b", "Hello||||||||")]
    [InlineData("HELO=a+0D+0AX-Inj:+201", "Hello||||||||")]
    [InlineData("NAME=a(b", "Name||||||||")]
    [InlineData("NAME=a+00b", "Name||||||||")]
    public void I10_J2_J3_a_name_that_could_mean_anything_else_in_a_Received_field_is_as_unavailable(string text, string expected) => Assert.Equal(expected, Parse(text));

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("NAME")]
    [InlineData("NAME=")]
    [InlineData("=x")]
    [InlineData("FOO=bar")]
    [InlineData("NAME=a NAME=b")]
    [InlineData("NAME=a FOO=b")]
    [InlineData("ADDR=2001:db8::1")]
    [InlineData("ADDR=IPV6:192.0.2.1")]
    [InlineData("ADDR=192.0.2.256")]
    [InlineData("ADDR=192.0.2.1+0A")]
    [InlineData("ADDR=localhost")]
    [InlineData("PORT=65536")]
    [InlineData("PORT=-1")]
    [InlineData("PORT=x")]
    [InlineData("PROTO=LMTP")]
    [InlineData("LOGIN=a+0Ab")]
    [InlineData("LOGIN=+C0+AF")]
    [InlineData("LOGIN=a+2")]
    [InlineData("NAME=a=b")]
    public void I10_anything_else_is_refused_whole(string text) => Assert.Null(Parse(text));

    [Fact]
    public void I10_a_value_has_255_octets_at_most()
    {
        Assert.NotNull(Parse("LOGIN=" + new string('x', 255)));
        Assert.Null(Parse("LOGIN=" + new string('x', 256)));
    }
}
