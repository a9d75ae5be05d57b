using Relay.Protocol.Message;

namespace Relay.Protocol.Tests.Message;

public class QueueIdTests
{
    [Theory]
    [InlineData(0ul, "0000000000000")]
    [InlineData(31ul, "000000000000Z")]
    [InlineData(ulong.MaxValue, "FZZZZZZZZZZZZ")]
    public void An_id_is_written_and_read_back(ulong value, string text)
    {
        Assert.Equal(text, new QueueId(value).ToString());
        Assert.True(QueueId.TryParse(text.ToLowerInvariant(), out QueueId id));
        Assert.Equal(value, id.Value);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("000000000000")]
    [InlineData("00000000000000")]
    [InlineData("000000000000I")]
    [InlineData("000000000000\u0130")]
    [InlineData("G000000000000")]
    public void Anything_else_is_no_id(string? text) => Assert.False(QueueId.TryParse(text, out _));
}
