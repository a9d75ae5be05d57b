using Relay.Protocol.Smtp;

namespace Relay.Protocol.Tests.Smtp;

public class EnhancedStatusCodeTests
{
    [Theory]
    [InlineData("5.1.1", "5.1.1", 5)]
    [InlineData("2.0.0 ok", "2.0.0", 5)]
    [InlineData("4.123.456 x", "4.123.456", 9)]
    public void A_code_is_read_up_to_the_space(string text, string code, int length)
    {
        Assert.True(EnhancedStatusCode.TryParse(Segments.Bytes(text), out EnhancedStatusCode parsed, out int taken));
        Assert.Equal((code, length), (parsed.ToString(), taken));
    }

    [Theory]
    [InlineData("")]
    [InlineData("5.1")]
    [InlineData("5.1.")]
    [InlineData("5..1")]
    [InlineData("3.1.1")]
    [InlineData("55.1.1")]
    [InlineData("5.1234.1")]
    [InlineData("5.1.1.1")]
    [InlineData("5.1.1x")]
    [InlineData("5.1.1234")]
    [InlineData("-5.1.1")]
    public void Anything_else_is_text(string text) => Assert.False(EnhancedStatusCode.TryParse(Segments.Bytes(text), out _, out _));
}
