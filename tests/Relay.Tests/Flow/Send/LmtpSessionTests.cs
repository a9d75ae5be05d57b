using Relay.Flow;
using static Relay.Tests.Flow.Send.SessionFixture;

namespace Relay.Tests.Flow.Send;

public class LmtpSessionTests
{
    [Theory]
    [InlineData(false, "Delivered 250 a has it", "Failed 550 no b", "Deferred 451 not now", "Failed 552 c is full")]
    [InlineData(true, "Delivered 250 a has it", "Failed 550 no b", "Deferred 0 4.4.2 ", "Deferred 0 4.4.2 ")]
    public async Task L12_each_accepted_recipient_has_its_own_reply_behind_the_dot(bool closes, params string[] expected)
    {
        await using var at = new SessionFixture(WithoutChunks, NextHopScheme.Lmtp);
        OutboundTransaction message = await at.Add("hello\r\n", "a@dest.example", "b@dest.example", "c@dest.example", "d@dest.example");
        at.Start();
        Assert.StartsWith("MAIL FROM:<s0@source.example>", at.Heard(), StringComparison.Ordinal);
        at.Reply("250 ok", "250 ok", "550 no b", "250 ok", "250 ok");
        at.Expect("DATA\r\n", "354 go on");
        at.Expect("hello\r\n.\r\n", closes ? ["250 a has it"] : ["250 a has it", "451 not now", "552 c is full"]);
        at.Close();
        await at.Run;
        Assert.Equal([message], at.Done);
        Assert.All(Outcomes(message).Zip(expected), static pair => Assert.StartsWith(pair.Second, pair.First, StringComparison.Ordinal));
    }
}
