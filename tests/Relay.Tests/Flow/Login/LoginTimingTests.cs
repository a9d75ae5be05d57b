using System.Diagnostics;
using System.Text;
using Relay.Flow.Login;
using Relay.Flow.Policy;
using Relay.Protocol.Sasl;

namespace Relay.Tests.Flow.Login;

/// <summary>How long it takes to be refused tells nobody which users there are.</summary>
public class LoginTimingTests
{
    private static readonly bool IsLong = Environment.GetEnvironmentVariable("RELAY_LONG") == "1";

    /// <summary>The time in the long form, where nothing else should run; otherwise only that both get the same answer by the same way.</summary>
    [Theory]
    [InlineData("PLAIN")]
    [InlineData("LOGIN")]
    [InlineData("SCRAM-SHA-256")]
    public async Task H21_a_user_who_isnt_there_is_refused_as_a_wrong_password_is_and_as_slowly(string mechanism)
    {
        var work = new PasswordWork(TimeProvider.System);
        var accounts = new Accounts([new Account("alice", ScramVerifier.Of("secret"u8), [])], new byte[32]);
        var logins = new UserLogins(accounts, work, null);
        int rounds = IsLong ? 1000 : 5;
        var times = new Dictionary<string, List<double>> { ["alice"] = [], ["bobby"] = [] };
        for (int i = -2; i < rounds; i++)
        {
            foreach ((string user, List<double> took) in times)
            {
                long start = Stopwatch.GetTimestamp();
                Assert.Equal(LoginAnswer.Failed, await FailAsync(logins, mechanism, user));
                if (i >= 0)
                {
                    took.Add(Stopwatch.GetElapsedTime(start).TotalMicroseconds);
                }
            }
        }

        double known = Median(times["alice"]);
        double unknown = Median(times["bobby"]);
        TestContext.Current.TestOutputHelper!.WriteLine($"figure: {mechanism}, n = {rounds}: a wrong password {known:0} us, no such user {unknown:0} us");
        Assert.True(!IsLong || Math.Abs(known - unknown) < 0.1 * known, $"a wrong password takes {known:0} us, no such user {unknown:0} us");
    }

    /// <summary>As much is computed for the one as for the other: by hand, where time on a busy machine would say nothing.</summary>
    [Fact]
    public void H21_the_work_for_a_user_who_isnt_there_is_that_for_one_who_is()
    {
        var accounts = new Accounts([new Account("alice", ScramVerifier.Of("secret"u8), [])], new byte[32]);
        Assert.Equal(accounts.VerifierOf("alice"u8).Iterations, accounts.VerifierOf("bobby"u8).Iterations);
        Assert.Equal(accounts.VerifierOf("alice"u8).Salt.Length, accounts.VerifierOf("bobby"u8).Salt.Length);
        Assert.False(accounts.VerifierOf("bobby"u8).Matches("secret"u8));
    }

    private static double Median(List<double> times)
    {
        times.Sort();
        return times[times.Count / 2];
    }

    private static async Task<LoginAnswer> FailAsync(UserLogins logins, string mechanism, string user)
    {
        using ILogin login = logins.Begin(Encoding.ASCII.GetBytes(mechanism), new LoginClient(new(System.Net.IPAddress.Loopback, 1), null, static () => [], null))!;
        switch (mechanism)
        {
            case "PLAIN":
                return await login.AnswerAsync(PlainMessage.Of(user, "wrong"), CancellationToken.None);
            case "LOGIN":
                await login.AnswerAsync(Encoding.ASCII.GetBytes(user), CancellationToken.None);
                return await login.AnswerAsync("wrong"u8.ToArray(), CancellationToken.None);
            default:
                // Without the client's own PBKDF2: the server's part alone is measured.
                const string Nonce = "abcdefgh";
                LoginAnswer first = await login.AnswerAsync(Encoding.ASCII.GetBytes($"n,,n={user},r={Nonce}"), CancellationToken.None);
                string server = Encoding.ASCII.GetString(Convert.FromBase64String(first.Reply.Text));
                return await login.AnswerAsync(Encoding.ASCII.GetBytes($"c=biws,{server.Split(',')[0]},p={Convert.ToBase64String(new byte[32])}"), CancellationToken.None);
        }
    }
}
