using Relay.Flow.Policy;
using Relay.Protocol.Smtp;
using Relay.Tls;

namespace Relay.Flow.Login;

/// <summary>EXTERNAL (RFC 4422 appendix A): who the client is, the certificate says; the response, whom it wants to act as, which is nobody else.</summary>
internal sealed class ExternalLogin(Accounts accounts, ClientCertificate certificate) : ILogin
{
    public ValueTask<LoginAnswer> AnswerAsync(ReadOnlyMemory<byte>? response, CancellationToken cancel) =>
        new(response is { } actsAs ? LoginAnswer.LoggedIn(accounts.Find(certificate, actsAs.Span)) : new LoginAnswer(Replies.EmptyChallenge334));

    /// <summary>The handshake has proved it: there is nothing to be guessed.</summary>
    public LoginProof? ProofIn(ReadOnlyMemory<byte>? response) => null;

    public void Dispose()
    {
    }
}
