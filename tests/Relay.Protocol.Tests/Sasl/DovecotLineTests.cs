using System.Text;
using Relay.Protocol.Sasl;

namespace Relay.Protocol.Tests.Sasl;

public class DovecotLineTests
{
    [Fact]
    public void Fields_lie_between_tabs_and_what_is_escaped_is_itself_again() => Assert.Equal(
        ["OK", "7", "", "user=a\tb\nc\rd\0e\u0001f", "x"], DovecotLine.Fields("OK\t7\t\tuser=a\u0001tb\u0001nc\u0001rd\u00010e\u00011f\tx"u8));

    [Theory]
    [InlineData("OK\t7\tuser=alice@dove.test\toriginal_user=alice", DovecotVerdict.Ok, "", "alice@dove.test", false)]
    [InlineData("OK\t7", DovecotVerdict.Ok, "", null, false)]
    [InlineData("CONT\t7\tdGVzdA==", DovecotVerdict.Continue, "dGVzdA==", null, false)]
    [InlineData("CONT\t7\t", DovecotVerdict.Continue, "", null, false)]
    [InlineData("CONT\t7", DovecotVerdict.Continue, "", null, false)]
    [InlineData("FAIL\t7\tuser=alice", DovecotVerdict.Fail, "", "alice", false)]
    [InlineData("FAIL\t7\tuser=alice\ttemp", DovecotVerdict.Fail, "", "alice", true)]
    [InlineData("FAIL\t7\tcode=temp_fail", DovecotVerdict.Fail, "", null, true)]
    [InlineData("FAIL\t7\tauthz", DovecotVerdict.Fail, "", null, false)]
    [InlineData("FAIL\t7\tuser_disabled\tcode=user_disabled", DovecotVerdict.Fail, "", null, false)]
    public void An_answer_is_read(string line, DovecotVerdict verdict, string challenge, string? user, bool temporary)
    {
        Assert.True(DovecotLine.TryReply(DovecotLine.Fields(Encoding.UTF8.GetBytes(line)), out DovecotReply reply));
        Assert.Equal(new DovecotReply(7, verdict, challenge, user, temporary), reply);
    }

    [Theory]
    [InlineData("")]
    [InlineData("OK")]
    [InlineData("OK\t")]
    [InlineData("OK\t1\u00010")]
    [InlineData("OK\t-1")]
    [InlineData("OK\t4294967296")]
    [InlineData("ok\t7")]
    [InlineData("CONT\t7\tnot base64!")]
    [InlineData("CONT\t7\tabc")]
    [InlineData("NOTFOUND\t7")]
    public void What_is_none_is_not_read(string line) => Assert.False(DovecotLine.TryReply(DovecotLine.Fields(Encoding.UTF8.GetBytes(line)), out _));
}
