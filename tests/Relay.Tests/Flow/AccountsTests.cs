using System.Text;
using Microsoft.Extensions.Time.Testing;
using Relay.Flow.Policy;
using Relay.Protocol.Sasl;
using Relay.Tests.Support;

namespace Relay.Tests.Flow;

public class AccountsTests
{
    [Theory]
    [InlineData("alice@example.net", "alice@example.net", true)]
    [InlineData("alice@example.net", "Alice@EXAMPLE.net", true)]
    [InlineData("alice@example.net", "bob@example.net", false)]
    [InlineData("alice@example.net", "alice@sub.example.net", false)]
    [InlineData("*@example.net", "anybody@example.net", true)]
    [InlineData("*@example.net", "\"a@b\"@example.net", true)]
    [InlineData("*@example.net", "anybody@sub.example.net", false)]
    [InlineData("*@example.net", "anybody@notexample.net", false)]
    [InlineData("*@*.example.net", "anybody@sub.example.net", true)]
    [InlineData("*@*.example.net", "anybody@deep.sub.example.net", true)]
    [InlineData("*@*.example.net", "anybody@example.net", false)]
    [InlineData("*@*.example.net", "anybody@xexample.net", false)]
    [InlineData("*@b\u00fccher.example", "a@xn--bcher-kva.example", true)]
    [InlineData("*@xn--bcher-kva.example", "a@b\u00fccher.example", true)]
    public void An_address_is_a_users_own_by_a_pattern(string pattern, string address, bool own) =>
        Assert.Equal(own, new Account("u", ScramVerifier.Of("x"u8, new byte[16], 1), [SenderPattern.Parse(pattern)!]).MaySendAs(Encoding.UTF8.GetBytes(address)));

    [Theory]
    [InlineData("*")]
    [InlineData("*@")]
    [InlineData("*@*")]
    [InlineData("example.net")]
    [InlineData("a@*.example.net")]
    [InlineData("*@*.*.example.net")]
    [InlineData("@example.net")]
    public void What_is_no_pattern_is_not_read(string text) => Assert.Null(SenderPattern.Parse(text));

    [Fact]
    public void Who_is_not_there_has_the_same_salt_each_time_and_no_password()
    {
        ScramVerifier made = TestAccounts.One.VerifierOf("nobody"u8);
        ScramVerifier again = TestAccounts.Of(("user", "secret", []), ("other", "secret", [])).VerifierOf("nobody"u8);
        Assert.True(made.Salt.SequenceEqual(again.Salt));
        Assert.Equal(TestAccounts.One.Find("user")!.Verifier!.Iterations, made.Iterations);
        Assert.False(made.Salt.SequenceEqual(TestAccounts.One.VerifierOf("nobody2"u8).Salt));
        Assert.False(made.Matches(""u8));
        Assert.False(made.Matches("secret"u8));
    }

    [Fact]
    public async Task More_log_ins_than_can_be_looked_at_are_told_to_come_again()
    {
        var work = new PasswordWork(new FakeTimeProvider());
        ScramVerifier slow = ScramVerifier.Of("secret"u8, new byte[16], 100_000);
        bool?[] answers = await Task.WhenAll(Enumerable.Range(0, 300).Select(_ => work.MatchesAsync(slow, "secret"u8.ToArray(), CancellationToken.None).AsTask()));
        Assert.InRange(answers.Count(static a => a is null), 1, 100);
        Assert.DoesNotContain(false, answers);
        Assert.Equal(true, await work.MatchesAsync(slow, "secret"u8.ToArray(), CancellationToken.None));
    }

    [Fact]
    public async Task Who_waits_too_long_for_the_password_to_be_looked_at_is_told_to_come_again()
    {
        var time = new FakeTimeProvider();
        var work = new PasswordWork(time);
        ScramVerifier endless = ScramVerifier.Of("secret"u8, new byte[16], 1_000);
        endless = new ScramVerifier(endless.Salt.ToArray(), 2_000_000, endless.StoredKey.ToArray(), endless.ServerKey.ToArray());
        Task<bool?>[] all = [.. Enumerable.Range(0, 3).Select(_ => work.MatchesAsync(endless, "secret"u8.ToArray(), CancellationToken.None).AsTask())];
        time.Advance(TimeSpan.FromSeconds(11));
        Assert.Null(await all[2]);
        Assert.Equal(false, await all[0]);
        Assert.Equal(false, await all[1]);
    }
}
