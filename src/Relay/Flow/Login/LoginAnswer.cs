using Relay.Flow.Policy;
using Relay.Protocol.Smtp;

namespace Relay.Flow.Login;

/// <summary>What a response in an exchange comes to: see <see cref="ILogin.AnswerAsync"/>.</summary>
internal readonly record struct LoginAnswer(Reply Reply, Account? Account = null)
{
    public static LoginAnswer Failed => new(Replies.AuthFailed535);

    public static LoginAnswer LoggedIn(Account? account) => account is null ? Failed : new LoginAnswer(Replies.Authenticated235, account);

    /// <summary>RFC 4954 §4: challenges are base64.</summary>
    public static LoginAnswer Challenge(ReadOnlySpan<byte> challenge) => new(new Reply(ReplyCode.AuthenticationContinues334, Convert.ToBase64String(challenge)));
}
