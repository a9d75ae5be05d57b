using System.Buffers;
using System.Security.Cryptography;
using Relay.Flow.Login;
using Relay.Protocol.Smtp;

namespace Relay.Flow.Accept;

/// <summary>
/// The exchange that AUTH begins (RFC 4954 §4), as lines: while it <see cref="IsOpen"/> the client's lines are responses, not commands. What they mean is the mechanism's (<see cref="ILogin"/>). A response lies decoded in one rented buffer,
/// which is overwritten as soon as it is answered, however that ends. One session's.
/// </summary>
internal sealed class AuthExchange
{
    /// <summary>RFC 4954 §4: a response may be so long.</summary>
    public const int MaximumResponse = 12288;

    private const int Room = MaximumResponse / 4 * 3;

    private ILogin? _login;
    private byte[]? _secrets;
    private ReadOnlyMemory<byte>? _response;
    private bool _isAsked;

    /// <summary>The next line is a response.</summary>
    public bool IsOpen => _login is not null && _isAsked;

    /// <summary>What the response that has come proves, or would; null when it is none that could.</summary>
    public LoginProof? Proof => _login!.ProofIn(_response);

    /// <summary>AUTH with its mechanism, and a first response when the client sent one along. Null: there is something to be answered by <see cref="AnswerAsync"/>. Otherwise the refusal.</summary>
    public Reply? Begin(in Command command, ILoginSource source, LoginClient client)
    {
        Clear();
        _login = source.Begin(command.Mechanism, client);
        if (_login is null)
        {
            return Replies.AuthMechanismUnknown504;
        }

        return command.HasInitialResponse ? Take(command.InitialResponse) : null;
    }

    /// <summary>A response. What it gives is that of <see cref="Begin"/>.</summary>
    public Reply? Respond(ReadOnlySpan<byte> line) => line.SequenceEqual("*"u8) ? Fail(Replies.AuthCancelled501) : Take(line);

    /// <summary>A response came that doesn't fit any line.</summary>
    public Reply TooLong() => Fail(Replies.AuthLineTooLong500);

    /// <summary>What the mechanism says to what has come. When it isn't a challenge, the exchange is over.</summary>
    public async ValueTask<LoginAnswer> AnswerAsync(CancellationToken cancel)
    {
        LoginAnswer answer = default;
        try
        {
            answer = await _login!.AnswerAsync(_response, cancel).ConfigureAwait(false);
        }
        finally
        {
            Overwrite();
            _isAsked = answer.Reply?.Code == ReplyCode.AuthenticationContinues334;
            if (!_isAsked)
            {
                Clear();
            }
        }

        return answer;
    }

    /// <summary>Ends the exchange and overwrites what is secret.</summary>
    public void Clear()
    {
        _isAsked = false;
        _login?.Dispose();
        _login = null;
        Overwrite();
    }

    private Reply? Take(ReadOnlySpan<byte> response)
    {
        _isAsked = false;
        if (response.Length > MaximumResponse)
        {
            return TooLong();
        }

        _secrets = ArrayPool<byte>.Shared.Rent(Room);
        if (!Base64Response.TryDecode(response, _secrets, out int length))
        {
            return Fail(Replies.AuthEncoding501);
        }

        _response = _secrets.AsMemory(0, length);
        return null;
    }

    private void Overwrite()
    {
        _response = null;
        if (_secrets is { } secrets)
        {
            _secrets = null;
            CryptographicOperations.ZeroMemory(secrets);
            ArrayPool<byte>.Shared.Return(secrets);
        }
    }

    private Reply Fail(Reply reply)
    {
        Clear();
        return reply;
    }
}
