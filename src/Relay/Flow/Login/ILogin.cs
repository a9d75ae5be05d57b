namespace Relay.Flow.Login;

/// <summary>One exchange of a mechanism, from AUTH to its end. One session's.</summary>
internal interface ILogin : IDisposable
{
    /// <summary>What the next response proves if it is right; null when it is no proof. To be asked before it is answered.</summary>
    LoginProof? ProofIn(ReadOnlyMemory<byte>? response);

    /// <summary>
    /// Takes the client's next response, decoded; null when AUTH came without one. The answer's reply is 334 with a challenge, 235 with the account that has logged in, or a refusal; behind the last two nothing is asked any more.
    /// It is there within a time that the source bounds. The octets are the caller's, who overwrites them afterwards.
    /// </summary>
    ValueTask<LoginAnswer> AnswerAsync(ReadOnlyMemory<byte>? response, CancellationToken cancel);
}
