using System.Globalization;
using System.Text;
using CsCheck;
using Relay.Protocol.Smtp;
using Relay.Testing;

namespace Relay.Protocol.Tests.Smtp;

public class IdnaTests
{
    // Letters of several scripts that no mapping changes.
    private static readonly Gen<string> Label = Gen.OneOf(Gen.Char['a', 'z'], Gen.Char['0', '9'], Gen.Char['\u00e0', '\u00f6'], Gen.Char['\u03b1', '\u03c9'], Gen.Char['\u4e00', '\u9fa5'])
        .Array[1, 14].Select(static letters => new string(letters));

    private static string? ToAscii(string domain)
    {
        Span<byte> ascii = stackalloc byte[Domain.MaximumLength];
        return Idna.TryToAscii(Encoding.UTF8.GetBytes(domain), ascii, out int length) ? Encoding.ASCII.GetString(ascii[..length]) : null;
    }

    private static bool IsValid(string domain, bool utf8 = true) => Domain.IsValid(Encoding.UTF8.GetBytes(domain), utf8);

    private static bool Same(string a, string b) => Idna.SameDomain(Encoding.UTF8.GetBytes(a), Encoding.UTF8.GetBytes(b));

    // The first rows are samples of RFC 3492 §7.1.
    [Theory]
    [InlineData("ليهمابتكلموشعربي؟", null)]
    [InlineData("他们为什么不说中文", "xn--ihqwcrb4cv8a8dqg056pqjye")]
    [InlineData("למההםפשוטלאמדבריםעברית", "xn--4dbcagdahymbxekheh6e0a7fei0b")]
    [InlineData("почемужеонинеговорятпорусски", "xn--b1abfaaepdrnnbgefbadotcwatmq2g4l")]
    [InlineData("3年b組金八先生", "xn--3b-ww4c5e180e575a65lsy2b")]
    [InlineData("ひとつ屋根の下2", "xn--2-u9tlzr9756bt3uc0v")]
    [InlineData("そのスピードで", "xn--d9juau41awczczp")]
    [InlineData("bücher.example", "xn--bcher-kva.example")]
    [InlineData("BÜCHER.Example", "xn--bcher-kva.example")]
    [InlineData("straße.de", "xn--strae-oqa.de")]
    [InlineData("παράδειγμα.δοκιμή", "xn--hxajbheg2az3al.xn--jxalpdlp")]
    [InlineData("i❤.ws", "xn--i-7iq.ws")]
    [InlineData("l·l.cat", "xn--ll-0ea.cat")]
    [InlineData("Example.ORG", "example.org")]
    [InlineData("[192.0.2.1]", "[192.0.2.1]")]
    [InlineData("[IPv6:::1]", "[ipv6:::1]")]
    [InlineData("", "")]
    public void U_labels_become_A_labels(string domain, string? ascii) => Assert.Equal(ascii, ToAscii(domain));

    [Theory]
    [InlineData("b。example")]
    [InlineData("b．example")]
    [InlineData("b｡example")]
    [InlineData("ｂ.example")]
    [InlineData("a＠b.example")]
    [InlineData("ﬁ.example")]
    [InlineData("℡.example")]
    [InlineData("①.example")]
    [InlineData("é\u0000.example")]
    [InlineData("é .example")]
    [InlineData("é_.example")]
    [InlineData("é/.example")]
    [InlineData("\u0301e.example")]
    [InlineData("-é.example")]
    [InlineData("é-.example")]
    [InlineData("éé--é.example")]
    [InlineData("é..example")]
    [InlineData(".é")]
    [InlineData("é.")]
    [InlineData("\u200eé.example")]
    [InlineData("\u202eé.example")]
    [InlineData("\ufeffé.example")]
    [InlineData("\u00adé.example")]
    [InlineData("\ue000.example")]
    [InlineData("\u0378.example")]
    [InlineData("\u2028.example")]
    [InlineData("«é».example")]
    public void G10_look_alikes_and_what_no_label_may_hold_are_refused_and_never_read_as_something_else(string domain)
    {
        Assert.False(IsValid(domain));
        Assert.False(Mailbox.TryParse(Encoding.UTF8.GetBytes("a@" + domain), out _, utf8: true));
    }

    [Theory]
    [InlineData("xn--bcher-kva.example", true)]
    [InlineData("XN--BCHER-KVA.EXAMPLE", true)]
    [InlineData("xn--i-7iq.ws", true)]
    // Two Chinese characters: ugly, but an A-label like any other.
    [InlineData("xn--zzzzz", true)]
    [InlineData("ab--cd.example", true)]
    [InlineData("r3---sn-x.example", true)]
    [InlineData("xn---", false)]
    [InlineData("xn--", false)]
    [InlineData("xn--zzzzzz", false)]
    [InlineData("xn--99999999", false)]
    [InlineData("xn--a", false)]
    [InlineData("xn--abc-", false)]
    [InlineData("xn---abc", false)]
    [InlineData("xn--bcher-kva8445foa", false)]
    [InlineData("xn--0000h", false)]
    [InlineData("xn--tda", true)]
    // Of an upper-case letter, a full-width one, dots of other scripts, a writing direction, a combining mark.
    [InlineData("xn--wca", false)]
    [InlineData("xn--ph7c", false)]
    [InlineData("xn--a-93t", false)]
    [InlineData("xn--5g7c", false)]
    [InlineData("xn--2ug", false)]
    [InlineData("xn--a-wbb", false)]
    public void G10_a_label_that_begins_like_an_A_label_is_one(string domain, bool valid)
    {
        Assert.Equal(valid, IsValid(domain, utf8: false));
        Assert.Equal(valid, IsValid(domain + ".example", utf8: true));
    }

    [Fact]
    public void A_U_label_is_as_long_as_its_A_label_allows()
    {
        Assert.True(IsValid(new string('中', 30)));
        Assert.False(IsValid(new string('\u00e9', 63)));
        string label = string.Concat(Enumerable.Range(0x4e00, 12).Select(static c => char.ToString((char)c)));
        Assert.True(IsValid(string.Join('.', Enumerable.Repeat(label, 6))));
        Assert.Null(ToAscii(string.Join('.', Enumerable.Repeat("\u00e9\u4e00\uac00\u05d0\u0e01\u0915", 20))));
    }

    [Theory]
    [InlineData("bücher.example", "xn--bcher-kva.EXAMPLE", true)]
    [InlineData("BÜCHER.example", "bücher.example", true)]
    [InlineData("example.org", "EXAMPLE.org", true)]
    [InlineData("example.org", "example.org.", false)]
    [InlineData("b。example", "b.example", false)]
    [InlineData("b。example", "b。example", true)]
    [InlineData("[IPv6:2001:DB8::1]", "[ipv6:2001:db8::1]", true)]
    [InlineData("straße.de", "strasse.de", false)]
    [InlineData("", "", true)]
    public void G10_A_labels_and_U_labels_are_the_same_domain(string a, string b, bool same)
    {
        Assert.Equal(same, Same(a, b));
        Assert.Equal(same, Same(b, a));
    }

    [Fact]
    public void It_agrees_with_the_library_where_that_maps_nothing_and_once_is_enough() => Gen.Select(Label, Label).Sample(static (first, second) =>
    {
        string domain = first + "." + second;
        string? ascii = ToAscii(domain);
        Assert.Equal(new IdnMapping().GetAscii(domain), ascii);
        Assert.True(IsValid(domain) && IsValid(ascii!, utf8: false));
        Assert.Equal(ascii, ToAscii(ascii!));
        Assert.True(Same(domain, ascii!));
    });

    [Fact]
    public void Any_octets_are_a_domain_or_not_and_what_is_one_has_an_ASCII_form() =>
        Gen.OneOf(Gen.Byte, Gen.Byte[(byte)'-', (byte)'.'], Gen.OneOf<byte>((byte)'x', (byte)'n', (byte)'-', (byte)0xC3, (byte)0xA9, (byte)0xE4, (byte)0xB8, (byte)0xAD)).Array[0, 40].Sample(static octets =>
        {
            Span<byte> ascii = stackalloc byte[Domain.MaximumLength];
            bool valid = Domain.IsValid(octets, utf8: true);
            bool converted = Idna.TryToAscii(octets, ascii, out int length);
            Assert.True(!valid || (converted && Domain.IsValid(ascii[..length])));
        });

    [Fact]
    public void Nothing_is_allocated()
    {
        byte[] ascii = Segments.Bytes("Example.ORG"), label = Segments.Bytes("xn--bcher-kva.example"), utf8 = Encoding.UTF8.GetBytes("BÜCHER.example");
        byte[] into = new byte[255];
        Assert.Equal(0, Allocations.Of(() =>
        {
            Idna.TryToAscii(ascii, into, out _);
            Idna.TryToAscii(utf8, into, out _);
            Idna.SameDomain(utf8, label);
            Domain.IsValid(label);
            Domain.IsValid(utf8, utf8: true);
        }));
    }
}
