using Relay.Flow.Policy;
using Relay.Protocol.Smtp;

namespace Relay.Flow.Login;

/// <summary>What a response in an exchange comes to: see <see cref="ILogin.AnswerAsync"/>.</summary>
internal readonly record struct LoginAnswer(Reply Reply, Account? Account = null)
{
    /// <summary>The proof was wrong, and the client isn't told so yet.</summary>
    public bool IsWrong { get; init; }

    /// <summary>Whether the proof was right; null when it wasn't looked at.</summary>
    public bool? IsRight => IsWrong || Reply == Replies.AuthFailed535 ? false : Account is not null || Reply?.Code == ReplyCode.AuthenticationContinues334 ? true : null;

    public static LoginAnswer Failed => new(Replies.AuthFailed535);

    public static LoginAnswer LoggedIn(Account? account) => account is null ? Failed : new LoginAnswer(Replies.Authenticated235, account);

    /// <summary>RFC 4954 §4: challenges are base64.</summary>
    public static LoginAnswer Challenge(ReadOnlySpan<byte> challenge) => new(new Reply(ReplyCode.AuthenticationContinues334, Convert.ToBase64String(challenge)));
}
