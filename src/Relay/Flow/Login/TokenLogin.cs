using System.Text;
using Relay.Flow.Policy;
using Relay.Protocol.Sasl;
using Relay.Protocol.Smtp;

namespace Relay.Flow.Login;

/// <summary>OAUTHBEARER (RFC 7628), and XOAUTH2 of before it: who has a good token of ours in which he is named logs in, when he is a user here. A failure is told in JSON; what the client answers to it, if anything, ends the exchange (RFC 7628 §3.2.3).</summary>
internal sealed class TokenLogin(Accounts accounts, TokenCheck tokens, bool isXoauth2) : ILogin
{
    private bool _hasFailed;

    public async ValueTask<LoginAnswer> AnswerAsync(ReadOnlyMemory<byte>? response, CancellationToken cancel)
    {
        if (_hasFailed)
        {
            return LoginAnswer.Failed;
        }

        if (response is not { } octets)
        {
            return new LoginAnswer(Replies.EmptyChallenge334);
        }

        if (!BearerMessage.TryRead(octets.Span, isXoauth2, out BearerMessage message))
        {
            return new LoginAnswer(Replies.AuthResponse501);
        }

        TokenVerdict verdict = await tokens.CheckAsync(Encoding.ASCII.GetString(octets.Span[message.Token]), cancel).ConfigureAwait(false);
        if (verdict.IsUnknown)
        {
            return new LoginAnswer(Replies.AuthAway454);
        }

        // To act as somebody else is nobody's right here.
        if (verdict.User is { } user && (message.User.Length == 0 || message.User == user) && accounts.Find(user) is { } account)
        {
            return LoginAnswer.LoggedIn(account);
        }

        _hasFailed = true;
        return LoginAnswer.Challenge(isXoauth2 ? tokens.XoauthFailure : verdict.LacksScope ? tokens.ScopeFailure : tokens.TokenFailure) with { IsWrong = true };
    }

    public LoginProof? ProofIn(ReadOnlyMemory<byte>? response) =>
        !_hasFailed && response is { } octets && BearerMessage.TryRead(octets.Span, isXoauth2, out BearerMessage message) ? new LoginProof(Encoding.UTF8.GetBytes(message.User), octets[message.Token]) : null;

    public void Dispose()
    {
    }
}
