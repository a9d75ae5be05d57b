using System.Text;
using Relay.Protocol.Smtp;
using Relay.Testing;

namespace Relay.Protocol.Tests.Smtp;

public class MailParametersTests
{
    private const Extensions All = (Extensions)0xFFFF;

    /// <summary>"ok" and all the parameters in one line, or the code of the refusal.</summary>
    private static string Parse(string parameters, Extensions offered = All)
    {
        byte[] line = Encoding.UTF8.GetBytes("MAIL FROM:<a@b> " + parameters);
        Reply? reply = CommandParser.Parse(line, offered, out Command command);
        if (reply is not null)
        {
            return $"{(int)reply.Code} {reply.Enhanced}";
        }

        MailParameters mail = command.Mail;
        return $"ok {mail.Size} {mail.Body} {mail.SmtpUtf8} {mail.RequireTls} {mail.Return} [{Encoding.ASCII.GetString(mail.EnvelopeId)}] [{Encoding.ASCII.GetString(mail.Submitter)}] " +
            $"{mail.DeliverBy.Seconds};{mail.DeliverBy.Mode};{mail.DeliverBy.Trace} {mail.Hold.Seconds};{(mail.Hold.Until == default ? "" : mail.Hold.Until.ToString("u"))} {mail.Priority}";
    }

    [Fact]
    public void Each_parameter_is_read_and_the_others_stay_as_they_are()
    {
        Assert.Equal("ok 0 Unspecified False False Unspecified [] [] 0;None;False 0; ", Parse(""));
        Assert.Equal("ok 5 Unspecified False False Unspecified [] [] 0;None;False 0; ", Parse("SIZE=5"));
        Assert.Equal("ok 0 BinaryMime False False Unspecified [] [] 0;None;False 0; ", Parse("BODY=BinaryMIME"));
        Assert.Equal("ok 0 Unspecified True False Unspecified [] [] 0;None;False 0; ", Parse("smtputf8"));
        Assert.Equal("ok 0 Unspecified False True Unspecified [] [] 0;None;False 0; ", Parse("RequireTLS"));
        Assert.Equal("ok 0 Unspecified False False Full [] [] 0;None;False 0; ", Parse("ret=full"));
        Assert.Equal("ok 0 Unspecified False False Headers [] [] 0;None;False 0; ", Parse("RET=HDRS"));
        Assert.Equal("ok 0 Unspecified False False Unspecified [a+2Bb] [] 0;None;False 0; ", Parse("ENVID=a+2Bb"));
        Assert.Equal("ok 0 Unspecified False False Unspecified [] [<>] 0;None;False 0; ", Parse("AUTH=<>"));
        Assert.Equal("ok 0 Unspecified False False Unspecified [] [] 120;Return;False 0; ", Parse("BY=120;R"));
        Assert.Equal("ok 0 Unspecified False False Unspecified [] [] 0;None;False 60; ", Parse("HOLDFOR=60"));
        Assert.Equal("ok 0 Unspecified False False Unspecified [] [] 0;None;False 0;2026-11-25 08:00:00Z ", Parse("HOLDUNTIL=2026-11-25T08:00:00Z"));
        Assert.Equal("ok 0 Unspecified False False Unspecified [] [] 0;None;False 0; -3", Parse("MT-PRIORITY=-3"));
        Assert.Equal("ok 9 EightBitMime True True Full [e] [x+40y] -1;Notify;True 7; 9",
            Parse("SIZE=9 BODY=8BITMIME SMTPUTF8 REQUIRETLS RET=FULL ENVID=e AUTH=x+40y BY=-1;NT HOLDFOR=7 MT-PRIORITY=9"));
    }

    [Fact]
    public void B2_all_of_them_at_their_longest_make_a_line_of_1_2_kB()
    {
        string parameters = $"SIZE=99999999999999999999 BODY=BINARYMIME SMTPUTF8 REQUIRETLS RET=FULL ENVID={new string('e', 100)} AUTH={new string('s', 500)} BY=+999999999;NT " +
            "HOLDUNTIL=2026-11-25T08:00:00.123456789+00:00 MT-PRIORITY=-9";
        Assert.StartsWith("ok 9223372036854775807 BinaryMime True True Full [eee", Parse(parameters), StringComparison.Ordinal);
        string longest = $"MAIL FROM:<{new string('l', 64)}@{new string('d', 63)}.{new string('d', 63)}.{new string('d', 61)}> {parameters}";
        Assert.InRange(longest.Length, 1000, 1200);
        Assert.Null(CommandParser.Parse(Segments.Bytes(longest), All, out _));
    }

    [Theory]
    [InlineData("SIZE=1", Extensions.Size)]
    [InlineData("BODY=7BIT", Extensions.EightBitMime)]
    [InlineData("BODY=8BITMIME", Extensions.EightBitMime)]
    [InlineData("BODY=BINARYMIME", Extensions.BinaryMime)]
    [InlineData("SMTPUTF8", Extensions.SmtpUtf8)]
    [InlineData("REQUIRETLS", Extensions.RequireTls)]
    [InlineData("RET=FULL", Extensions.Dsn)]
    [InlineData("ENVID=x", Extensions.Dsn)]
    [InlineData("AUTH=<>", Extensions.Auth)]
    [InlineData("BY=1;N", Extensions.DeliverBy)]
    [InlineData("HOLDFOR=1", Extensions.FutureRelease)]
    [InlineData("HOLDUNTIL=2026-11-25T08:00:00Z", Extensions.FutureRelease)]
    [InlineData("MT-PRIORITY=0", Extensions.MtPriority)]
    public void G3_G5_G19_a_parameter_is_known_with_its_extension_only_and_comes_once(string parameter, Extensions extension)
    {
        Assert.StartsWith("ok ", Parse(parameter, extension), StringComparison.Ordinal);
        Assert.Equal("501 5.5.4", Parse(parameter + " " + parameter, extension));
        Assert.Equal("501 5.5.4", Parse(parameter + " " + parameter.ToLowerInvariant()));
        // BODY has two extensions: without one of them it is known, but not the type.
        Assert.Equal(parameter == "BODY=7BIT" ? Parse(parameter) : parameter.StartsWith("BODY", StringComparison.Ordinal) ? "501 5.5.4" : "555 5.5.4", Parse(parameter, All & ~extension));
    }

    [Theory]
    [InlineData("RET=X")]
    [InlineData("RET=")]
    [InlineData("RET")]
    [InlineData("RET=FULL,HDRS")]
    [InlineData("ENVID")]
    [InlineData("ENVID=+00")]
    [InlineData("ENVID=+0A")]
    [InlineData("ENVID=+0a")]
    [InlineData("ENVID=+2b")]
    [InlineData("ENVID=+Z1")]
    [InlineData("ENVID=+")]
    [InlineData("ENVID=a+2")]
    [InlineData("ENVID=+7F")]
    [InlineData("ENVID=+C3+A9")]
    [InlineData("ENVID=\u00e9")]
    public void G13_G14_RET_and_ENVID_are_strict(string parameter) => Assert.Equal("501 5.5.4", Parse(parameter));

    [Fact]
    public void G14_ENVID_has_100_characters_at_most()
    {
        Assert.Contains(new string('x', 100), Parse("ENVID=" + new string('x', 100)), StringComparison.Ordinal);
        Assert.Equal("501 5.5.4", Parse("ENVID=" + new string('x', 101)));
        Assert.Equal("501 5.5.4", Parse("ENVID=" + string.Concat(Enumerable.Repeat("+20", 34))));
        Assert.StartsWith("ok ", Parse("ENVID=" + string.Concat(Enumerable.Repeat("+20", 33))), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("AUTH=<>", true)]
    [InlineData("AUTH=a+2Bb", true)]
    [InlineData("AUTH=e+3Dmc2@example.com", true)]
    [InlineData("AUTH=+CE+B4@b", true)]
    [InlineData("AUTH=+C0+AF@b", false)]
    [InlineData("AUTH=a+0Ab", false)]
    [InlineData("AUTH=a+0D+0AX", false)]
    [InlineData("AUTH=a+00", false)]
    [InlineData("AUTH=a+", false)]
    [InlineData("AUTH=", false)]
    [InlineData("AUTH", false)]
    public void G17_AUTH_is_xtext_that_hides_no_line(string parameter, bool valid) => Assert.StartsWith(valid ? "ok " : "501 5.5.4", Parse(parameter), StringComparison.Ordinal);

    [Fact]
    public void G17_AUTH_has_500_characters_at_most_and_UTF8_goes_with_SMTPUTF8()
    {
        Assert.StartsWith("ok ", Parse("AUTH=" + new string('x', 500)), StringComparison.Ordinal);
        Assert.Equal("501 5.5.4", Parse("AUTH=" + new string('x', 501)));
        Assert.Equal("501 5.5.4", Parse("AUTH=+CE+B4@b", All & ~Extensions.SmtpUtf8));
    }

    [Theory]
    [InlineData("REQUIRETLS=1")]
    [InlineData("REQUIRETLS=")]
    [InlineData("SMTPUTF8=1")]
    public void G8_G19_what_takes_no_value_gets_none(string parameter) => Assert.Equal("501 5.5.4", Parse(parameter));

    [Theory]
    [InlineData("BY=1;R", "1;Return;False")]
    [InlineData("BY=+1;r", "1;Return;False")]
    [InlineData("BY=999999999;RT", "999999999;Return;True")]
    [InlineData("BY=0;N", "0;Notify;False")]
    [InlineData("BY=-999999999;nt", "-999999999;Notify;True")]
    [InlineData("BY=0;R", null)]
    [InlineData("BY=-1;R", null)]
    [InlineData("BY=-0;RT", null)]
    [InlineData("BY=1234567890;R", null)]
    [InlineData("BY=1", null)]
    [InlineData("BY=1;", null)]
    [InlineData("BY=;R", null)]
    [InlineData("BY=+;R", null)]
    [InlineData("BY=--1;N", null)]
    [InlineData("BY=1;X", null)]
    [InlineData("BY=1;T", null)]
    [InlineData("BY=1;RX", null)]
    [InlineData("BY=1;RTT", null)]
    [InlineData("BY=1;R;T", null)]
    [InlineData("BY=1x;R", null)]
    [InlineData("BY=1;\u0012", null)]
    public void BY_is_seconds_and_what_to_do_when_they_are_over(string parameter, string? expected)
    {
        string parsed = Parse(parameter);
        Assert.True(expected is null ? parsed.StartsWith("501", StringComparison.Ordinal) : parsed.Contains($" {expected} ", StringComparison.Ordinal), parsed);
    }

    [Theory]
    [InlineData("HOLDFOR=1", "1;")]
    [InlineData("HOLDFOR=999999999", "999999999;")]
    [InlineData("HOLDFOR=0", null)]
    [InlineData("HOLDFOR=01", null)]
    [InlineData("HOLDFOR=1000000000", null)]
    [InlineData("HOLDFOR=-1", null)]
    [InlineData("HOLDFOR=+1", null)]
    [InlineData("HOLDFOR=", null)]
    [InlineData("HOLDFOR", null)]
    [InlineData("HOLDFOR=1 HOLDUNTIL=2026-11-25T08:00:00Z", null)]
    [InlineData("HOLDUNTIL=2026-11-25T08:00:00Z", "0;2026-11-25 08:00:00Z")]
    [InlineData("HOLDUNTIL=2026-11-25t08:00:00.5z", "0;2026-11-25 08:00:00Z")]
    [InlineData("HOLDUNTIL=2026-11-25T08:00:00+01:30", "0;2026-11-25 06:30:00Z")]
    [InlineData("HOLDUNTIL=2026-11-25T23:30:00-01:00", "0;2026-11-26 00:30:00Z")]
    [InlineData("HOLDUNTIL=2028-02-29T00:00:00Z", "0;2028-02-29 00:00:00Z")]
    [InlineData("HOLDUNTIL=2016-12-31T23:59:60Z", "0;2017-01-01 00:00:00Z")]
    [InlineData("HOLDUNTIL=2027-02-29T00:00:00Z", null)]
    [InlineData("HOLDUNTIL=2026-13-01T00:00:00Z", null)]
    [InlineData("HOLDUNTIL=2026-00-01T00:00:00Z", null)]
    [InlineData("HOLDUNTIL=2026-01-00T00:00:00Z", null)]
    [InlineData("HOLDUNTIL=2026-01-01T24:00:00Z", null)]
    [InlineData("HOLDUNTIL=2026-01-01T00:60:00Z", null)]
    [InlineData("HOLDUNTIL=2026-01-01T00:00:61Z", null)]
    [InlineData("HOLDUNTIL=2026-01-01T00:00:00", null)]
    [InlineData("HOLDUNTIL=2026-01-01T00:00:00.Z", null)]
    [InlineData("HOLDUNTIL=2026-01-01T00:00:00+0100", null)]
    [InlineData("HOLDUNTIL=2026-01-01T00:00:00+24:00", null)]
    [InlineData("HOLDUNTIL=2026-01-01T00:00Z", null)]
    [InlineData("HOLDUNTIL=2026-1-1T00:00:00Z", null)]
    [InlineData("HOLDUNTIL=+026-01-01T00:00:00Z", null)]
    [InlineData("HOLDUNTIL=0000-01-01T00:00:00Z", null)]
    [InlineData("HOLDUNTIL=0001-01-01T00:00:00Z", null)]
    [InlineData("HOLDUNTIL=0001-01-01T00:00:00+01:00", null)]
    [InlineData("HOLDUNTIL=9999-12-31T23:59:59-01:00", null)]
    [InlineData("HOLDUNTIL=", null)]
    public void A_hold_is_seconds_or_a_date_and_never_both(string parameters, string? expected)
    {
        string parsed = Parse(parameters);
        Assert.True(expected is null ? parsed.StartsWith("501", StringComparison.Ordinal) : parsed.Contains($" {expected} ", StringComparison.Ordinal), parsed);
    }

    [Theory]
    [InlineData("9", true)]
    [InlineData("0", true)]
    [InlineData("-9", true)]
    [InlineData("-0", false)]
    [InlineData("+1", false)]
    [InlineData("10", false)]
    [InlineData("-10", false)]
    [InlineData("01", false)]
    [InlineData("x", false)]
    [InlineData("-", false)]
    [InlineData("", false)]
    public void A_priority_is_one_digit(string value, bool valid) => Assert.EndsWith(valid ? $" {value}" : "501 5.5.4", Parse("MT-PRIORITY=" + value), StringComparison.Ordinal);

    [Fact]
    public void G7_two_thousand_parameters_are_refused_at_the_first_that_is_wrong()
    {
        Assert.Equal("555 5.5.4", Parse(string.Concat(Enumerable.Repeat("X=1 ", 2000))));
        Assert.Equal("501 5.5.4", Parse(string.Concat(Enumerable.Repeat("SIZE=1 ", 2000))));
        Assert.Equal("501 5.5.4", Parse("ENVID=a="));
        Assert.Equal("501 5.5.4", Parse("ENVID==a"));
    }

    [Fact]
    public void Nothing_is_allocated()
    {
        byte[] line = Segments.Bytes("MAIL FROM:<a@b> SIZE=9 BODY=8BITMIME SMTPUTF8 REQUIRETLS RET=FULL ENVID=e+20f AUTH=x+40y BY=-1;NT HOLDUNTIL=2026-11-25T08:00:00Z MT-PRIORITY=9");
        Assert.Null(CommandParser.Parse(line, All, out _));
        Assert.Equal(0, Allocations.Of(() => CommandParser.Parse(line, All, out _)));
    }
}
