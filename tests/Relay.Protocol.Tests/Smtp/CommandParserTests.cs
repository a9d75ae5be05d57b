using System.Text;
using Relay.Protocol.Smtp;
using Relay.Testing;

namespace Relay.Protocol.Tests.Smtp;

public class CommandParserTests
{
    private const Extensions Offered = Extensions.Pipelining | Extensions.Size | Extensions.EightBitMime | Extensions.EnhancedStatusCodes | Extensions.StartTls;

    private sealed record Parsed(Verb Verb, Reply? Reply, string Argument, string Path, string Domain, long Size, BodyType Body, bool SmtpUtf8)
    {
        public string Code => Reply is null ? "ok" : $"{(int)Reply.Code} {Reply.Enhanced}";
    }

    private static Parsed Parse(string line, Extensions offered = Offered) => Parse(Segments.Bytes(line), offered);

    private static Parsed Parse(byte[] line, Extensions offered = Offered)
    {
        Reply? reply = CommandParser.Parse(line, offered, out Command command);
        return new Parsed(command.Verb, reply, Encoding.Latin1.GetString(command.Argument), Encoding.UTF8.GetString(command.Path), Encoding.UTF8.GetString(command.Domain),
            command.Mail.Size, command.Mail.Body, command.Mail.SmtpUtf8);
    }

    [Theory]
    [InlineData("ehlo c.example", Verb.Ehlo)]
    [InlineData("eHLo c.example", Verb.Ehlo)]
    [InlineData("HELO c", Verb.Helo)]
    [InlineData("mAiL fRoM:<a@b>", Verb.Mail)]
    [InlineData("rCpT tO:<a@b>", Verb.Rcpt)]
    [InlineData("dAtA", Verb.Data)]
    [InlineData("rset", Verb.Rset)]
    [InlineData("NOOP  ", Verb.Noop)]
    [InlineData("NOOP x", Verb.Noop)]
    [InlineData("VRFY u", Verb.Vrfy)]
    [InlineData("EXPN l", Verb.Expn)]
    [InlineData("help", Verb.Help)]
    [InlineData("HELP mail", Verb.Help)]
    [InlineData("QUIT \t ", Verb.Quit)]
    [InlineData("StartTLS", Verb.StartTls)]
    [InlineData("BDAT 5 LAST", Verb.Bdat)]
    [InlineData("AUTH PLAIN x", Verb.Auth)]
    [InlineData("TURN", Verb.Turn)]
    [InlineData("ETRN #'x;DROP TABLE", Verb.Etrn)]
    public void A9_A10_verbs_are_known_in_any_case_and_with_trailing_spaces(string line, Verb verb)
    {
        Parsed parsed = Parse(line);
        Assert.Equal((verb, "ok"), (parsed.Verb, parsed.Code));
    }

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("X")]
    [InlineData("XYZZY")]
    [InlineData("RSETX")]
    [InlineData("DATAX")]
    [InlineData("QUITTER")]
    [InlineData("STARTTLSX")]
    [InlineData("STARTTL")]
    [InlineData("MAILFROM:<a@b>")]
    [InlineData(" NOOP")]
    [InlineData("NOOP\tx")]
    [InlineData("\x16\x03\x01\x02")]
    [InlineData("\r\x0f\x0f\x10")]
    public void B16_B17_B21_anything_else_is_unknown(string line)
    {
        Parsed parsed = Parse(line);
        Assert.Equal((Verb.Unknown, "500 5.5.1"), (parsed.Verb, parsed.Code));
    }

    [Theory]
    [InlineData("GET / HTTP/1.1")]
    [InlineData("POST / HTTP/1.1")]
    [InlineData("CONNECT x:25 HTTP/1.1")]
    [InlineData("HEAD / HTTP/1.0")]
    [InlineData("PUT /x HTTP/1.1")]
    [InlineData("OPTIONS * HTTP/1.1")]
    public void B18_a_request_of_a_web_client_is_told_from_other_nonsense(string line) => Assert.Equal(Verb.Http, Parse(line).Verb);

    [Theory]
    [InlineData("RSET x")]
    [InlineData("QUIT x")]
    [InlineData("DATA x")]
    [InlineData("STARTTLS x")]
    [InlineData("VRFY")]
    [InlineData("EXPN")]
    public void B20_an_argument_too_many_or_too_few_is_refused(string line) => Assert.Equal("501 5.5.4", Parse(line).Code);

    [Theory]
    [InlineData("EHLO a\0b", Verb.Ehlo)]
    [InlineData("NOOP \0", Verb.Noop)]
    [InlineData("MAIL FROM:<a\0@b>", Verb.Mail)]
    [InlineData("MAIL FROM:<a\x7f@b>", Verb.Mail)]
    [InlineData("RCPT TO:<\"a\rb\"@c>", Verb.Rcpt)]
    [InlineData("RCPT TO:<a\tb@c>", Verb.Rcpt)]
    [InlineData("QUIT \x1b[2J", Verb.Quit)]
    public void B13_control_characters_are_refused_wherever_they_stand(string line, Verb verb)
    {
        Parsed parsed = Parse(line);
        Assert.Equal((verb, "501 5.5.2"), (parsed.Verb, parsed.Code));
    }

    [Theory]
    [InlineData("EHLO c.example", true)]
    [InlineData("EHLO my_machine", true)]
    [InlineData("EHLO 192.0.2.1", true)]
    [InlineData("EHLO [127.0.0.1]", true)]
    [InlineData("EHLO [IPv6:::1]", true)]
    [InlineData("EHLO [ipv6:2001:db8::1]", true)]
    [InlineData("EHLO   c.example  ", true)]
    [InlineData("HELO c", true)]
    [InlineData("EHLO", false)]
    [InlineData("EHLO ", false)]
    [InlineData("HELO", false)]
    [InlineData("EHLO a b", false)]
    [InlineData("EHLO [IPv6:zz]", false)]
    [InlineData("EHLO [127.0.0.1", false)]
    [InlineData("EHLO [1.2.3.4] x", false)]
    [InlineData("EHLO a(b", false)]
    [InlineData("EHLO a)", false)]
    [InlineData("EHLO a;b", false)]
    [InlineData("EHLO a\"b", false)]
    [InlineData("EHLO a\\", false)]
    [InlineData("EHLO <a>", false)]
    [InlineData("EHLO caf\xe9", false)]
    public void B19_J2_the_name_of_EHLO_is_one_harmless_word(string line, bool accepted) => Assert.Equal(accepted ? "ok" : "501 5.5.4", Parse(line).Code);

    [Fact]
    public void B19_the_name_of_EHLO_has_a_limit()
    {
        Assert.Equal("ok", Parse("EHLO " + new string('a', 255)).Code);
        Assert.Equal("501 5.5.4", Parse("EHLO " + new string('a', 256)).Code);
        Assert.Equal("c.example", Parse("EHLO  c.example ").Argument);
    }

    [Theory]
    [InlineData("MAIL FROM:<a@b>", "a@b", "b")]
    [InlineData("MAIL FROM:<>", "", "")]
    [InlineData("MAIL FROM: <a@b>", "a@b", "b")]
    [InlineData("MAIL  FROM:<a@b>  ", "a@b", "b")]
    [InlineData("MAIL FROM:<\"a b\"@c.example>", "\"a b\"@c.example", "c.example")]
    [InlineData("MAIL FROM:<\"a@b\"@c>", "\"a@b\"@c", "c")]
    [InlineData("MAIL FROM:<\"a>b\"@c>", "\"a>b\"@c", "c")]
    [InlineData("MAIL FROM:<\"a\\\"> SIZE=9\"@c>", "\"a\\\"> SIZE=9\"@c", "c")]
    [InlineData("MAIL FROM:<\"\"@l>", "\"\"@l", "l")]
    [InlineData("MAIL FROM:<a@[192.0.2.1]>", "a@[192.0.2.1]", "[192.0.2.1]")]
    [InlineData("MAIL FROM:<a@[IPv6:2001:db8::1]>", "a@[IPv6:2001:db8::1]", "[IPv6:2001:db8::1]")]
    [InlineData("MAIL FROM:<@x,@y:u@local.example>", "u@local.example", "local.example")]
    [InlineData("MAIL FROM:<|/bin/sh@x>", "|/bin/sh@x", "x")]
    [InlineData("RCPT TO:<@x:u@local.example>", "u@local.example", "local.example")]
    [InlineData("RCPT TO: <a@b>", "a@b", "b")]
    [InlineData("RCPT TO:<a%b!c@d>", "a%b!c@d", "d")]
    [InlineData("RCPT TO:<Postmaster>", "Postmaster", "")]
    [InlineData("RCPT TO:<postMASTER>", "postMASTER", "")]
    [InlineData("RCPT TO:<postmaster@b>", "postmaster@b", "b")]
    public void B8_B11_B12_I2_I6_paths_are_taken_as_they_are_without_route_and_brackets(string line, string path, string domain)
    {
        Parsed parsed = Parse(line);
        Assert.Equal(("ok", path, domain), (parsed.Code, parsed.Path, parsed.Domain));
    }

    [Theory]
    [InlineData("MAIL", "501 5.5.2")]
    [InlineData("MAIL FROM", "501 5.5.2")]
    [InlineData("MAIL FROM:", "501 5.5.2")]
    [InlineData("MAIL FROM :<a@b>", "501 5.5.2")]
    [InlineData("MAIL TO:<a@b>", "501 5.5.2")]
    [InlineData("MAIL FROM:<a@b", "501 5.5.2")]
    [InlineData("MAIL FROM:a@b", "501 5.5.2")]
    [InlineData("MAIL FROM: a@b", "501 5.5.2")]
    [InlineData("MAIL FROM:a@b>", "501 5.5.2")]
    [InlineData("MAIL FROM:<a@b>>", "501 5.5.2")]
    [InlineData("MAIL FROM:<<a@b>>", "501 5.5.2")]
    [InlineData("MAIL FROM:<<a@b>", "501 5.1.7")]
    [InlineData("MAIL FROM:<a@b>SIZE=1", "501 5.5.2")]
    [InlineData("MAIL FROM:<\"a@b>", "501 5.5.2")]
    [InlineData("MAIL FROM:<a@@b>", "501 5.1.7")]
    [InlineData("MAIL FROM:<@b>", "501 5.1.7")]
    [InlineData("MAIL FROM:<a@>", "501 5.1.7")]
    [InlineData("MAIL FROM:<a>", "501 5.1.7")]
    [InlineData("MAIL FROM:<postmaster>", "501 5.1.7")]
    [InlineData("MAIL FROM:< >", "501 5.1.7")]
    [InlineData("MAIL FROM:<a b@c>", "501 5.1.7")]
    [InlineData("MAIL FROM:<.a@c>", "501 5.1.7")]
    [InlineData("MAIL FROM:<a.@c>", "501 5.1.7")]
    [InlineData("MAIL FROM:<a..b@c>", "501 5.1.7")]
    [InlineData("MAIL FROM:<a@c.>", "501 5.1.7")]
    [InlineData("MAIL FROM:<a@.c>", "501 5.1.7")]
    [InlineData("MAIL FROM:<a@c..d>", "501 5.1.7")]
    [InlineData("MAIL FROM:<a@-c>", "501 5.1.7")]
    [InlineData("MAIL FROM:<a@c->", "501 5.1.7")]
    [InlineData("MAIL FROM:<a@c_d>", "501 5.1.7")]
    [InlineData("MAIL FROM:<a(x)@c>", "501 5.1.7")]
    [InlineData("MAIL FROM:<\"a\"b@c>", "501 5.1.7")]
    [InlineData("MAIL FROM:<a@[1.2.3]>", "501 5.1.7")]
    [InlineData("MAIL FROM:<@x,y:u@z>", "501 5.1.7")]
    [InlineData("MAIL FROM:<@x,:u@z>", "501 5.1.7")]
    [InlineData("MAIL FROM:<@x:@y:u@z>", "501 5.1.7")]
    [InlineData("MAIL FROM:<@x:>", "501 5.1.7")]
    [InlineData("RCPT", "501 5.5.2")]
    [InlineData("RCPT TO:", "501 5.5.2")]
    [InlineData("RCPT TO:a@b", "501 5.5.2")]
    [InlineData("RCPT FROM:<a@b>", "501 5.5.2")]
    [InlineData("RCPT TO:<>", "501 5.1.3")]
    [InlineData("RCPT TO:<a>", "501 5.1.3")]
    [InlineData("RCPT TO:<postmaster@>", "501 5.1.3")]
    [InlineData("RCPT TO:<postmasters>", "501 5.1.3")]
    public void B8_B9_B10_a_path_that_is_not_quite_one_is_refused(string line, string code)
    {
        Parsed parsed = Parse(line);
        Assert.Equal((line.StartsWith('M') ? Verb.Mail : Verb.Rcpt, code), (parsed.Verb, parsed.Code));
    }

    [Fact]
    public void B6_B7_lengths_have_limits()
    {
        string label = new('d', 63);
        Assert.Equal("ok", Parse($"MAIL FROM:<{new string('a', 64)}@b>").Code);
        Assert.Equal("501 5.1.7", Parse($"MAIL FROM:<{new string('a', 65)}@b>").Code);
        Assert.Equal("ok", Parse($"RCPT TO:<a@{label}.example>").Code);
        Assert.Equal("501 5.1.3", Parse($"RCPT TO:<a@{label}d.example>").Code);
        // With its brackets a path is at most 256 octets.
        string domain = string.Join('.', label, label, label, new string('d', 60));
        Assert.Equal(252, domain.Length);
        Assert.Equal("ok", Parse($"RCPT TO:<a@{domain}>").Code);
        Assert.Equal("501 5.1.3", Parse($"RCPT TO:<ab@{domain}>").Code);
    }

    [Fact]
    public void B14_G9_octets_above_127_need_SMTPUTF8()
    {
        Assert.Equal("553 5.6.7", Parse("MAIL FROM:<\xff@b>").Code);
        Assert.Equal("553 5.6.7", Parse("RCPT TO:<a@\xe9.example>").Code);
        Assert.Equal("555 5.5.4", Parse("MAIL FROM:<a@b> SMTPUTF8").Code);
        byte[] greek = Encoding.UTF8.GetBytes("MAIL FROM:<δοκιμή@παράδειγμα.δοκιμή>");
        Assert.Equal("553 5.6.7", Parse(greek).Code);
        Assert.Equal("553 5.6.7", Parse(greek, Offered | Extensions.SmtpUtf8).Code);
        Parsed accepted = Parse([.. greek, .. " SMTPUTF8"u8], Offered | Extensions.SmtpUtf8);
        Assert.Equal(("ok", "δοκιμή@παράδειγμα.δοκιμή", "παράδειγμα.δοκιμή", true), (accepted.Code, accepted.Path, accepted.Domain, accepted.SmtpUtf8));
        Assert.Equal("ok", Parse(Encoding.UTF8.GetBytes("RCPT TO:<\"δ δ\"@b>"), Offered | Extensions.SmtpUtf8).Code);
    }

    [Theory]
    [InlineData("\xc0\xaf")]
    [InlineData("\xed\xa0\x80")]
    [InlineData("\xf4\x90\x80\x80")]
    [InlineData("\xc3")]
    public void G9_ill_formed_UTF8_is_no_mailbox(string octets)
    {
        Assert.Equal("501 5.1.7", Parse($"MAIL FROM:<{octets}@b> SMTPUTF8", Offered | Extensions.SmtpUtf8).Code);
        Assert.Equal("501 5.1.3", Parse($"RCPT TO:<a@{octets}>", Offered | Extensions.SmtpUtf8).Code);
    }

    [Theory]
    [InlineData("", 0, BodyType.Unspecified)]
    [InlineData(" SIZE=0", 0, BodyType.Unspecified)]
    [InlineData(" SIZE=1000", 1000, BodyType.Unspecified)]
    [InlineData(" size=007", 7, BodyType.Unspecified)]
    [InlineData(" SIZE=9223372036854775807", long.MaxValue, BodyType.Unspecified)]
    [InlineData(" SIZE=9223372036854775808", long.MaxValue, BodyType.Unspecified)]
    [InlineData(" SIZE=99999999999999999999", long.MaxValue, BodyType.Unspecified)]
    [InlineData(" BODY=7BIT", 0, BodyType.SevenBit)]
    [InlineData(" body=8bitmime", 0, BodyType.EightBitMime)]
    [InlineData("  SIZE=5   BODY=8BITMIME ", 5, BodyType.EightBitMime)]
    public void G1_G4_parameters_of_what_is_offered_are_read(string parameters, long size, BodyType body)
    {
        Parsed parsed = Parse("MAIL FROM:<a@b>" + parameters);
        Assert.Equal(("ok", size, body, false), (parsed.Code, parsed.Size, parsed.Body, parsed.SmtpUtf8));
    }

    [Theory]
    [InlineData("SIZE=+5", "501 5.5.4")]
    [InlineData("SIZE=-1", "501 5.5.4")]
    [InlineData("SIZE= 5", "501 5.5.4")]
    [InlineData("SIZE=1e3", "501 5.5.4")]
    [InlineData("SIZE=0x10", "501 5.5.4")]
    [InlineData("SIZE=\xd9\xa5", "501 5.5.4")]
    [InlineData("SIZE=", "501 5.5.4")]
    [InlineData("SIZE", "501 5.5.4")]
    [InlineData("SIZE=123456789012345678901", "501 5.5.4")]
    [InlineData("SIZE=1 SIZE=1", "501 5.5.4")]
    [InlineData("SIZE=1 size=2", "501 5.5.4")]
    [InlineData("BODY=7BIT BODY=7BIT", "501 5.5.4")]
    [InlineData("BODY=FOO", "501 5.5.4")]
    [InlineData("BODY=", "501 5.5.4")]
    [InlineData("BODY", "501 5.5.4")]
    [InlineData("BODY=BINARYMIME", "501 5.5.4")]
    [InlineData("=x", "501 5.5.4")]
    [InlineData("A=", "501 5.5.4")]
    [InlineData("A==b", "501 5.5.4")]
    [InlineData("SIZE=1=", "501 5.5.4")]
    [InlineData("=", "501 5.5.4")]
    [InlineData("-A=b", "501 5.5.4")]
    [InlineData("A_B=c", "501 5.5.4")]
    [InlineData("FOO=bar", "555 5.5.4")]
    [InlineData("NOTIFY=NEVER", "555 5.5.4")]
    [InlineData("AUTH=<>", "555 5.5.4")]
    public void B22_G3_G5_G7_other_parameters_of_MAIL_are_refused(string parameter, string code) =>
        Assert.Equal(code, Parse("MAIL FROM:<a@b> " + parameter).Code);

    [Theory]
    [InlineData("SIZE=1", "555 5.5.4")]
    [InlineData("NOTIFY=NEVER", "555 5.5.4")]
    [InlineData("FOO", "555 5.5.4")]
    [InlineData("=x", "501 5.5.4")]
    public void G5_G6_no_parameter_of_RCPT_is_known(string parameter, string code) => Assert.Equal(code, Parse("RCPT TO:<a@b> " + parameter).Code);

    [Fact]
    public void A_parameter_counts_only_while_its_extension_is_offered()
    {
        Assert.Equal("555 5.5.4", Parse("MAIL FROM:<a@b> SIZE=1", Extensions.None).Code);
        Assert.Equal("555 5.5.4", Parse("MAIL FROM:<a@b> BODY=8BITMIME", Extensions.Size).Code);
        Assert.Equal(BodyType.BinaryMime, Parse("MAIL FROM:<a@b> BODY=BINARYMIME", Offered | Extensions.BinaryMime).Body);
        Assert.Equal("501 5.5.4", Parse("MAIL FROM:<a@b> SMTPUTF8=1", Offered | Extensions.SmtpUtf8).Code);
        Assert.Equal("501 5.5.4", Parse("MAIL FROM:<a@b> SMTPUTF8 SMTPUTF8", Offered | Extensions.SmtpUtf8).Code);
    }

    [Fact]
    public void B24_no_line_at_all_makes_it_throw()
    {
        var random = new Random(1);
        string[] seeds = ["MAIL FROM:<a@b.example> SIZE=1 BODY=8BITMIME", "RCPT TO:<\"a\\\"b\"@[IPv6:1::2]>", "RCPT TO:<@a,@b:c@d>", "EHLO [127.0.0.1]", "STARTTLS", "BDAT 1 LAST",
            "MAIL FROM:<a@xn--bcher-kva.example> RET=HDRS ENVID=a+2B AUTH=<> BY=-1;NT HOLDUNTIL=2026-11-25T08:00:00Z MT-PRIORITY=-3", "RCPT TO:<a@b> NOTIFY=NEVER ORCPT=rfc822;a+40b",
            "AUTH PLAIN AGEAYg==", "XCLIENT NAME=a ADDR=IPV6:::1"];
        for (int i = 0; i < 200_000; i++)
        {
            byte[] line = Segments.Bytes(seeds[random.Next(seeds.Length)]);
            for (int change = random.Next(4); change >= 0; change--)
            {
                line[random.Next(line.Length)] = (byte)random.Next(256);
            }

            line = line[..random.Next(line.Length + 1)];
            Parsed parsed = Parse(line, (Extensions)random.Next(65536));
            Assert.True(parsed.Reply is null or { IsRefusal: true });
            Assert.DoesNotContain(parsed.Path, c => parsed.Reply is null && c is '\r' or '\n' or '\0');
        }
    }

    [Theory]
    [InlineData("EHLO c.example")]
    [InlineData("MAIL FROM:<someone@example.org> SIZE=1234 BODY=8BITMIME")]
    [InlineData("RCPT TO:<\"some one\"@[IPv6:2001:db8::1]>")]
    [InlineData("RCPT TO:<nobody")]
    [InlineData("DATA")]
    [InlineData("XYZZY")]
    public void Nothing_is_allocated(string text)
    {
        byte[] line = Segments.Bytes(text);
        Assert.Equal(0, Allocations.Of(() => CommandParser.Parse(line, Offered, out _)));
    }
}
