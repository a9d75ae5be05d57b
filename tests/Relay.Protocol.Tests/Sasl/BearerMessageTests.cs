using System.Text;
using Relay.Protocol.Sasl;

namespace Relay.Protocol.Tests.Sasl;

public class BearerMessageTests
{
    [Theory]
    [InlineData("n,a=user@example.com,|host=server.example.com|port=587|auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==||", "user@example.com", "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==")]
    [InlineData("n,,|auth=Bearer a.b.c||", "", "a.b.c")]
    [InlineData("y,,|auth=bearer  a.b-_~+/c||", "", "a.b-_~+/c")]
    [InlineData("n,a=a=2Cb=3Dc,|auth=Bearer t|x=y||", "a,b=c", "t")]
    public void A_token_is_shown_as_RFC_7628_says(string text, string user, string token) => Check(text, false, user, token);

    [Theory]
    [InlineData("user=someuser@example.com|auth=Bearer ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg||", "someuser@example.com", "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg")]
    public void Or_as_it_was_before_that(string text, string user, string token) => Check(text, true, user, token);

    [Theory]
    [InlineData("")]
    [InlineData("|")]
    [InlineData("||")]
    [InlineData("n,,")]
    [InlineData("n,,||")]
    [InlineData("n,|auth=Bearer t||")]
    [InlineData("n,,|auth=Bearer t|")]
    [InlineData("n,,|auth=Bearer t")]
    [InlineData("n,,|auth=Bearer t||x")]
    [InlineData("n,,|auth=Bearer ||")]
    [InlineData("n,,|auth=Bearer ==||")]
    [InlineData("n,,|auth=Bearer t t||")]
    [InlineData("n,,|auth=Basic dTpw||")]
    [InlineData("n,,|auth=Bearer t|auth=Bearer u||")]
    [InlineData("n,,|host=x||")]
    [InlineData("n,,|h0st=x|auth=Bearer t||")]
    [InlineData("n,,|=x|auth=Bearer t||")]
    [InlineData("n,,|host=\u0002|auth=Bearer t||")]
    [InlineData("p=tls-unique,,|auth=Bearer t||")]
    [InlineData("n,a=,|auth=Bearer t||")]
    [InlineData("n,a=a=2cb,|auth=Bearer t||")]
    [InlineData("n,a=b,,|auth=Bearer t||")]
    [InlineData("n,user,|auth=Bearer t||")]
    [InlineData("user=a|auth=Bearer t||")]
    public void What_is_no_message_is_not_read(string text) => Assert.False(BearerMessage.TryRead(Octets(text), isXoauth2: false, out _));

    [Theory]
    [InlineData("n,,|auth=Bearer t||")]
    [InlineData("user=|auth=Bearer t||")]
    [InlineData("user=a|auth=Bearer t|")]
    [InlineData("user=a|host=b|auth=Bearer t||")]
    [InlineData("user=a|auth=Bearer \u00e4||")]
    public void Nor_what_is_none_of_XOAUTH2(string text) => Assert.False(BearerMessage.TryRead(Octets(text), isXoauth2: true, out _));

    private static byte[] Octets(string text) => Encoding.UTF8.GetBytes(text.Replace('|', '\u0001'));

    private static void Check(string text, bool isXoauth2, string user, string token)
    {
        byte[] octets = Octets(text);
        Assert.True(BearerMessage.TryRead(octets, isXoauth2, out BearerMessage message));
        Assert.Equal((user, token), (message.User, Encoding.UTF8.GetString(octets[message.Token])));
        for (int i = 0; i < octets.Length; i++)
        {
            Assert.False(BearerMessage.TryRead(octets.AsSpan(0, i), isXoauth2, out _));
        }
    }
}
