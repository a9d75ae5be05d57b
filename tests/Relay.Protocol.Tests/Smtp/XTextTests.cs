using System.Buffers;
using System.Text;
using CsCheck;
using Relay.Protocol.Smtp;

namespace Relay.Protocol.Tests.Smtp;

public class XTextTests
{
    private static string? Decode(string text, int room = 100)
    {
        Span<byte> into = stackalloc byte[room];
        return XText.TryDecode(Segments.Bytes(text), into, out int length) ? Encoding.Latin1.GetString(into[..length]) : null;
    }

    [Theory]
    [InlineData("", "")]
    [InlineData("abc", "abc")]
    [InlineData("a+2Bb", "a+b")]
    [InlineData("+3D+20~!", "= ~!")]
    [InlineData("+00+FF", "\0\xff")]
    [InlineData("+", null)]
    [InlineData("a+2", null)]
    [InlineData("+2b", null)]
    [InlineData("+Z1", null)]
    [InlineData("+1Z", null)]
    [InlineData("++2B", null)]
    [InlineData("a=b", null)]
    [InlineData("a b", null)]
    [InlineData("a\x7f", null)]
    [InlineData("\xe9", null)]
    public void G14_plus_and_two_upper_case_digits_are_an_octet(string text, string? octets)
    {
        Assert.Equal(octets, Decode(text));
        Assert.Equal(octets is not null, XText.IsValid(Segments.Bytes(text)));
    }

    [Fact]
    public void G14_what_does_not_fit_is_not_decoded()
    {
        Assert.Equal("abc", Decode("abc", 3));
        Assert.Null(Decode("abcd", 3));
        Assert.Equal("ab+", Decode("ab+2B", 3));
        Assert.Null(Decode("abc+2B", 3));
    }

    [Fact]
    public void G16_any_octets_come_back_and_no_line_end_nor_space_shows() => Gen.Byte.Array[0, 40].Sample(static octets =>
    {
        var output = new ArrayBufferWriter<byte>();
        XText.Encode(octets, output);
        Span<byte> decoded = stackalloc byte[40];
        return XText.IsValid(output.WrittenSpan) && !output.WrittenSpan.ContainsAnyExceptInRange((byte)33, (byte)126) && !output.WrittenSpan.Contains((byte)'=') &&
            XText.TryDecode(output.WrittenSpan, decoded, out int length) && decoded[..length].SequenceEqual(octets);
    });

    [Fact]
    public void Valid_is_what_decodes_and_nothing_else() => Gen.OneOf(Gen.Char['+', 'F'], Gen.Char['\0', '\x7f']).Array[0, 12].Sample(static characters =>
    {
        byte[] text = Segments.Bytes(new string(characters));
        return XText.IsValid(text) == XText.TryDecode(text, new byte[12], out _);
    });
}
