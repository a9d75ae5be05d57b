using System.Text;
using Relay.Protocol.Smtp;
using Relay.Testing;

namespace Relay.Protocol.Tests.Smtp;

public class RcptParametersTests
{
    private const Extensions Offered = Extensions.Dsn | Extensions.Size | Extensions.SmtpUtf8;

    private static string Parse(string parameters, Extensions offered = Offered) => Parse(Encoding.UTF8.GetBytes("RCPT TO:<a@b> " + parameters), offered);

    private static string Parse(byte[] line, Extensions offered)
    {
        Reply? reply = CommandParser.Parse(line, offered, out Command command);
        return reply is not null
            ? $"{(int)reply.Code} {reply.Enhanced}"
            : $"{command.Rcpt.Notify} [{Encoding.UTF8.GetString(command.Rcpt.OriginalRecipient)}]{(command.NeedsSmtpUtf8 ? " utf8" : "")}";
    }

    [Theory]
    [InlineData("", "Unspecified []")]
    [InlineData("NOTIFY=NEVER", "Never []")]
    [InlineData("notify=never", "Never []")]
    [InlineData("NOTIFY=SUCCESS", "Success []")]
    [InlineData("NOTIFY=SUCCESS,FAILURE,DELAY", "Success, Failure, Delay []")]
    [InlineData("NOTIFY=delay,Failure", "Failure, Delay []")]
    [InlineData("ORCPT=rfc822;u+40x", "Unspecified [rfc822;u+40x]")]
    [InlineData("ORCPT=x400;/S=+3Da/ NOTIFY=DELAY", "501 5.5.4")]
    [InlineData("ORCPT=x400;/S+3Da/ NOTIFY=DELAY", "Delay [x400;/S+3Da/]")]
    [InlineData("ORCPT=rfc822;+CE+B4@b", "Unspecified [rfc822;+CE+B4@b]")]
    [InlineData("ORCPT=utf-8;\\x{3B4}@b", "Unspecified [utf-8;\\x{3B4}@b]")]
    [InlineData("ORCPT=utf-8;\u03b4@b", "Unspecified [utf-8;\u03b4@b] utf8")]
    public void G15_G16_NOTIFY_and_ORCPT_are_read(string parameters, string expected) => Assert.Equal(expected, Parse(parameters));

    [Theory]
    [InlineData("NOTIFY=NEVER,SUCCESS")]
    [InlineData("NOTIFY=SUCCESS,NEVER")]
    [InlineData("NOTIFY=")]
    [InlineData("NOTIFY")]
    [InlineData("NOTIFY=X")]
    [InlineData("NOTIFY=SUCCESS,")]
    [InlineData("NOTIFY=,SUCCESS")]
    [InlineData("NOTIFY=SUCCESS,,DELAY")]
    [InlineData("NOTIFY=SUCCESS NOTIFY=DELAY")]
    [InlineData("ORCPT=u@x")]
    [InlineData("ORCPT=;u@x")]
    [InlineData("ORCPT=rfc822;")]
    [InlineData("ORCPT=rfc822")]
    [InlineData("ORCPT")]
    [InlineData("ORCPT=rf(c;u")]
    [InlineData("ORCPT=rfc822;+0D+0AX-Inj:+20y")]
    [InlineData("ORCPT=rfc822;a+00")]
    [InlineData("ORCPT=rfc822;a+4")]
    [InlineData("ORCPT=rfc822;a+4g")]
    [InlineData("ORCPT=rfc822;\u03b4@b")]
    [InlineData("ORCPT=rfc822;+CE@b")]
    [InlineData("ORCPT=utf-8;\u03b4+20@b")]
    [InlineData("ORCPT=\u03b4;a@b")]
    [InlineData("ORCPT=rfc822;a@b ORCPT=rfc822;a@b")]
    public void G15_G16_NOTIFY_and_ORCPT_are_strict(string parameters) => Assert.Equal("501 5.5.4", Parse(parameters));

    [Theory]
    [InlineData("\xc0\xaf")]
    [InlineData("\xed\xa0\x80")]
    [InlineData("\xce")]
    public void G9_G16_ORCPT_is_well_formed_UTF8(string octets) => Assert.Equal("501 5.5.4", Parse(Segments.Bytes($"RCPT TO:<a@b> ORCPT=utf-8;{octets}@b"), Offered));

    [Fact]
    public void G16_ORCPT_has_500_octets_at_most()
    {
        Assert.StartsWith("Unspecified [rfc822;xxx", Parse("ORCPT=rfc822;" + new string('x', 493)), StringComparison.Ordinal);
        Assert.Equal("501 5.5.4", Parse("ORCPT=rfc822;" + new string('x', 494)));
    }

    [Theory]
    [InlineData("SIZE=1")]
    [InlineData("RET=FULL")]
    [InlineData("ENVID=x")]
    [InlineData("SMTPUTF8")]
    [InlineData("FOO=bar")]
    public void G5_G6_what_belongs_to_MAIL_or_to_nobody_is_555(string parameter) => Assert.Equal("555 5.5.4", Parse(parameter));

    [Theory]
    [InlineData("NOTIFY=NEVER")]
    [InlineData("ORCPT=rfc822;a@b")]
    public void G6_MAIL_does_not_take_them(string parameter)
    {
        Assert.Equal("555 5.5.4", Parse(Segments.Bytes("MAIL FROM:<a@b> " + parameter), Offered));
        Assert.Equal("555 5.5.4", Parse(parameter, Offered & ~Extensions.Dsn));
    }

    [Fact]
    public void G8_a_UTF8_mailbox_says_that_it_needs_SMTPUTF8()
    {
        Assert.Equal("Unspecified [] utf8", Parse(Encoding.UTF8.GetBytes("RCPT TO:<\u03b4@b>"), Offered));
        Assert.Equal("553 5.6.7", Parse(Encoding.UTF8.GetBytes("RCPT TO:<\u03b4@b>"), Extensions.Dsn));
        Assert.Equal("501 5.5.4", Parse("ORCPT=utf-8;\u03b4@b", Extensions.Dsn));
    }

    [Fact]
    public void C10_VRFY_and_EXPN_say_it_too()
    {
        Assert.Null(CommandParser.Parse(Encoding.UTF8.GetBytes("VRFY <\u00fc@x>"), Offered, out Command command));
        Assert.True(command.NeedsSmtpUtf8);
        Assert.Null(CommandParser.Parse("EXPN list"u8, Offered, out command));
        Assert.False(command.NeedsSmtpUtf8);
    }

    [Fact]
    public void Nothing_is_allocated()
    {
        byte[] line = Segments.Bytes("RCPT TO:<a@b> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;u+40x");
        Assert.Equal(0, Allocations.Of(() => CommandParser.Parse(line, Offered, out _)));
    }
}
