using Relay.Flow.Policy;
using Relay.Protocol.Sasl;
using Relay.Protocol.Smtp;

namespace Relay.Flow.Login;

/// <summary>PLAIN (RFC 4616), or LOGIN, which <em>asks</em> for name and password one after the other: the password is held against what is kept of it.</summary>
internal sealed class PasswordLogin(Accounts accounts, PasswordWork work, bool asks) : ILogin
{
    private byte[]? _user;

    public ValueTask<LoginAnswer> AnswerAsync(ReadOnlyMemory<byte>? response, CancellationToken cancel)
    {
        if (response is not { } message)
        {
            return new(new LoginAnswer(asks ? Replies.LoginUser334 : Replies.EmptyChallenge334));
        }

        if (!asks)
        {
            return PlainMessage.TryRead(message.Span, out Range user, out Range password) ? VerifyAsync(message[user], message[password], cancel) : new(new LoginAnswer(Replies.AuthEncoding501));
        }

        if (_user is { } name)
        {
            return VerifyAsync(name, message, cancel);
        }

        _user = message.ToArray();
        return new(new LoginAnswer(Replies.LoginPassword334));
    }

    public LoginProof? ProofIn(ReadOnlyMemory<byte>? response) =>
        response is not { } message ? null
        : asks ? _user is { } name ? new LoginProof(name, message) : null
        : PlainMessage.TryRead(message.Span, out Range user, out Range password) ? new LoginProof(message[user].ToArray(), message[password]) : null;

    public void Dispose()
    {
    }

    private async ValueTask<LoginAnswer> VerifyAsync(ReadOnlyMemory<byte> user, ReadOnlyMemory<byte> password, CancellationToken cancel)
    {
        bool? good = await work.MatchesAsync(accounts.VerifierOf(user.Span), password, cancel).ConfigureAwait(false);
        return good is null ? new LoginAnswer(Replies.AuthBusy454) : LoginAnswer.LoggedIn(good.Value ? accounts.Find(user.Span) : null);
    }
}
