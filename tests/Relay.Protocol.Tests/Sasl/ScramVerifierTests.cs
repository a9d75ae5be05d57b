using System.Text;
using Relay.Protocol.Sasl;

namespace Relay.Protocol.Tests.Sasl;

public class ScramVerifierTests
{
    private static readonly string Good = ScramVerifier.Of("secret"u8).Format();

    [Fact]
    public void A_password_matches_its_own_verifier_after_being_written_and_read()
    {
        ScramVerifier? read = ScramVerifier.Parse(Good);
        Assert.NotNull(read);
        Assert.True(read.Matches("secret"u8));
        Assert.False(read.Matches("Secret"u8));
        Assert.False(read.Matches(""u8));
        Assert.Equal(Good, read.Format());
    }

    [Fact]
    public void The_same_password_has_another_verifier_each_time() => Assert.NotEqual(Good, ScramVerifier.Of("secret"u8).Format());

    [Theory]
    [InlineData("SCRAM-SHA-256$20000:", "SCRAM-SHA-1$20000:")]
    [InlineData("SCRAM-SHA-256$20000:", "SCRAM-SHA-256$9999:")]
    [InlineData("SCRAM-SHA-256$20000:", "SCRAM-SHA-256$1000001:")]
    [InlineData("SCRAM-SHA-256$20000:", "SCRAM-SHA-256$20000$")]
    [InlineData("SCRAM-SHA-256$20000:", "SCRAM-SHA-256$20000:*")]
    [InlineData("SCRAM-SHA-256$20000:", "")]
    public void What_is_no_verifier_is_not_read(string good, string bad) => Assert.Null(ScramVerifier.Parse(Good.Replace(good, bad, StringComparison.Ordinal)));

    [Theory]
    [InlineData("pass word", true)]
    [InlineData("p\u00e4ssword", true)]
    [InlineData("pa\u0308ssword", false)]
    [InlineData("pass\u0007word", false)]
    [InlineData("pass\u200bword", false)]
    [InlineData("", false)]
    public void A_new_password_is_printable_and_composed(string password, bool good) => Assert.Equal(good, PreparedText.IsPassword(Encoding.UTF8.GetBytes(password)));

    [Theory]
    [InlineData("alice@example.net", true)]
    [InlineData("al ice", false)]
    [InlineData("al\0ice", false)]
    public void A_new_name_has_no_white_space(string name, bool good) => Assert.Equal(good, PreparedText.IsName(Encoding.UTF8.GetBytes(name)));

    [Fact]
    public void What_is_no_UTF_8_is_no_password() => Assert.False(PreparedText.IsValid([0x70, 0xff]));
}
