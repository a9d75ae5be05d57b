using System.Text;
using Relay.Telemetry;

namespace Relay.Tests.Telemetry;

public sealed class LogTextTests
{
    public static TheoryData<byte[], string> Octets => new()
    {
        { "plain <a@b.example>"u8.ToArray(), "plain <a@b.example>" },
        { ""u8.ToArray(), "" },
        { "one\r\ntwo"u8.ToArray(), @"one\x0d\x0atwo" },
        { "nul\0bell\u0007esc\u001b[31m"u8.ToArray(), @"nul\x00bell\x07esc\x1b[31m" },
        { "bücher@例え.example 😀"u8.ToArray(), "bücher@例え.example 😀" },
        { [(byte)'a', 0xff, 0xc3, (byte)'b'], @"a\xff\xc3b" },
        // An over-long '/' and half a surrogate pair are no UTF-8.
        { [0xc0, 0xaf, 0xed, 0xa0, 0x80], @"\xc0\xaf\xed\xa0\x80" },
        { "right\u202eleft\u2066iso\u200bzero\u2028line\u0085nel\ufeffbom"u8.ToArray(), "right?left?iso?zero?line?nel?bom" },
        { [0x7f], @"\x7f" },
        { "\ue000\u0378"u8.ToArray(), "??" },
    };

    [Theory]
    [MemberData(nameof(Octets))]
    public void What_a_peer_sent_becomes_one_printable_line(byte[] octets, string expected) => Assert.Equal(expected, LogText.Clean(octets));

    [Theory]
    [InlineData("plain", "plain")]
    [InlineData("a\r\nb\tc", @"a\x0d\x0ab\x09c")]
    [InlineData("ü\u202e😀", "ü?😀")]
    public void Text_is_cleaned_like_octets(string text, string expected) => Assert.Equal(expected, LogText.Clean(text));

    [Fact]
    public void Half_a_surrogate_pair_is_replaced() => Assert.Equal("a\ufffdb", LogText.Clean("a\ud800b"));

    [Fact]
    public void Five_hundred_characters_stay_and_one_more_is_cut()
    {
        Assert.Equal(new string('x', 500), LogText.Clean(new string('x', 500)));
        Assert.Equal(new string('x', 499) + "…", LogText.Clean(new string('x', 501)));
        Assert.Equal(new string('x', 499) + "…", LogText.Clean(Encoding.ASCII.GetBytes(new string('x', 100_000))));
    }

    [Fact]
    public void A_cut_never_parts_a_character()
    {
        for (int before = 490; before <= 500; before++)
        {
            string cut = LogText.Clean(new string('x', before) + "😀😀😀😀😀😀");
            Assert.True(cut.Length <= 500);
            Assert.DoesNotContain("\ufffd", Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(cut)), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_long_run_of_invalid_octets_is_bounded()
    {
        byte[] octets = new byte[10_000];
        Array.Fill(octets, (byte)0xff);
        Assert.True(LogText.Clean(octets).Length <= 500);
    }
}
