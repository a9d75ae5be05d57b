using Relay.Flow.Policy;
using Relay.Protocol.Sasl;
using Relay.Protocol.Smtp;

namespace Relay.Flow.Login;

/// <summary>SCRAM-SHA-256 and -PLUS (RFC 5802 §5, RFC 7677). The server's proof is the last challenge, and nothing its answer (RFC 4422 §5).</summary>
internal sealed class ScramLogin(Accounts accounts, bool plus, byte[] binding) : ILogin
{
    private readonly ScramServer _scram = new(plus, binding);
    private Step _step;

    private enum Step : byte
    {
        First,
        Final,
        End,
    }

    public ValueTask<LoginAnswer> AnswerAsync(ReadOnlyMemory<byte>? response, CancellationToken cancel) => new(response is { } message ? Answer(message.Span) : new LoginAnswer(Replies.EmptyChallenge334));

    public LoginProof? ProofIn(ReadOnlyMemory<byte>? response) => response is not null && _step == Step.Final ? new LoginProof(_scram.User.ToArray(), default) : null;

    public void Dispose()
    {
    }

    private LoginAnswer Answer(ReadOnlySpan<byte> message)
    {
        switch (_step)
        {
            case Step.First:
                if (!_scram.TryFirst(message))
                {
                    return new LoginAnswer(Replies.AuthResponse501);
                }

                _step = Step.Final;
                return LoginAnswer.Challenge(_scram.First(accounts.VerifierOf(_scram.User)));
            case Step.Final:
                if (!_scram.TryFinal(message, out byte[] proof))
                {
                    return LoginAnswer.Failed;
                }

                _step = Step.End;
                return LoginAnswer.Challenge(proof);
            default:
                return message.IsEmpty ? LoginAnswer.LoggedIn(accounts.Find(_scram.User)) : new LoginAnswer(Replies.AuthResponse501);
        }
    }
}
