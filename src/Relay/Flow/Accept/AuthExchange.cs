using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using Relay.Flow.Policy;
using Relay.Protocol.Sasl;
using Relay.Protocol.Smtp;
using Relay.Tls;

namespace Relay.Flow.Accept;

/// <summary>
/// The exchange that AUTH begins (RFC 4954 §4): PLAIN (RFC 4616) and LOGIN, from the first word to the credentials, SCRAM-SHA-256 and -PLUS (RFC 7677) to the proof, EXTERNAL (RFC 4422) by the certificate that the client has shown. While it <see cref="IsOpen"/> the client's lines
/// are responses, not commands. Secrets lie in one rented buffer, which is overwritten when the exchange is over, however it ends. One session's.
/// </summary>
internal sealed class AuthExchange
{
    /// <summary>RFC 4954 §4: a response may be so long.</summary>
    public const int MaximumResponse = 12288;

    private const int Room = MaximumResponse / 4 * 3;

    private byte[]? _secrets;
    private ScramServer? _scram;
    private Accounts? _accounts;
    private ClientCertificate? _certificate;
    private byte[]? _external;
    private Step _step;
    private int _userStart;
    private int _userLength;
    private int _passwordStart;
    private int _passwordLength;

    private enum Step : byte
    {
        Closed,
        Plain,
        User,
        Password,
        ScramFirst,
        ScramFinal,
        ScramEnd,
        External,
        Complete,
    }

    /// <summary>The next line is a response.</summary>
    public bool IsOpen => _step is not (Step.Closed or Step.Complete);

    /// <summary>Once complete: the client has proved that it knows the password, and nothing is left to be verified.</summary>
    public bool IsProven { get; private set; }

    /// <summary>Once complete: the name that logs in.</summary>
    public ReadOnlyMemory<byte> User => _external is { } name ? name : _scram is { } scram ? scram.User : _secrets.AsMemory(_userStart, _userLength);

    public ReadOnlyMemory<byte> Password => _secrets.AsMemory(_passwordStart, _passwordLength);

    /// <summary>
    /// AUTH with its mechanism, and a first response when the client sent one along. Null: the credentials are complete. Otherwise the reply: 334 asks for the next response, any other one ends it.
    /// <paramref name="binding"/> is what tls-server-end-point says of this connection; asked for only by SCRAM. <paramref name="certificate"/>, when the client has shown one, is what EXTERNAL goes by.
    /// </summary>
    public Reply? Begin(in Command command, Accounts accounts, Func<byte[]> binding, ClientCertificate? certificate)
    {
        Clear();
        if (Ascii.EqualsIgnoreCase(command.Mechanism, "PLAIN"u8))
        {
            _step = Step.Plain;
        }
        else if (Ascii.EqualsIgnoreCase(command.Mechanism, "LOGIN"u8))
        {
            _step = Step.User;
        }
        else if (Ascii.EqualsIgnoreCase(command.Mechanism, "SCRAM-SHA-256"u8) || Ascii.EqualsIgnoreCase(command.Mechanism, "SCRAM-SHA-256-PLUS"u8))
        {
            _step = Step.ScramFirst;
            _accounts = accounts;
            _scram = new ScramServer(command.Mechanism.Length > "SCRAM-SHA-256".Length, binding());
        }
        else if (certificate is not null && Ascii.EqualsIgnoreCase(command.Mechanism, "EXTERNAL"u8))
        {
            _step = Step.External;
            _accounts = accounts;
            _certificate = certificate;
        }
        else
        {
            return Replies.AuthMechanismUnknown504;
        }

        _secrets = ArrayPool<byte>.Shared.Rent(2 * Room);
        if (!command.HasInitialResponse)
        {
            return _step == Step.User ? Replies.LoginUser334 : Replies.EmptyChallenge334;
        }

        return Take(command.InitialResponse);
    }

    /// <summary>A response. The answers are those of <see cref="Begin"/>.</summary>
    public Reply? Respond(ReadOnlySpan<byte> line)
    {
        if (line.SequenceEqual("*"u8))
        {
            return Fail(Replies.AuthCancelled501);
        }

        return line.Length > MaximumResponse ? TooLong() : Take(line);
    }

    /// <summary>A response came that doesn't fit any line.</summary>
    public Reply TooLong() => Fail(Replies.AuthLineTooLong500);

    /// <summary>Ends the exchange and overwrites the secrets.</summary>
    public void Clear()
    {
        _step = Step.Closed;
        _scram = null;
        _accounts = null;
        _certificate = null;
        _external = null;
        IsProven = false;
        if (_secrets is { } secrets)
        {
            _secrets = null;
            CryptographicOperations.ZeroMemory(secrets);
            ArrayPool<byte>.Shared.Return(secrets);
        }
    }

    private Reply? Take(ReadOnlySpan<byte> response)
    {
        // The name of LOGIN stays in the first half while the password goes to the second.
        int start = _step == Step.Password ? Room : 0;
        if (!Base64Response.TryDecode(response, _secrets.AsSpan(start, Room), out int length))
        {
            return Fail(Replies.AuthEncoding501);
        }

        switch (_step)
        {
            case Step.User:
                (_userStart, _userLength) = (0, length);
                _step = Step.Password;
                return Replies.LoginPassword334;
            case Step.ScramFirst:
            case Step.ScramFinal:
            case Step.ScramEnd:
                return Scram(_secrets.AsSpan(0, length));
            case Step.External:
                return External(_secrets.AsSpan(0, length));
            case Step.Password:
                (_passwordStart, _passwordLength) = (Room, length);
                break;
            default:
                if (!TrySplit(_secrets.AsSpan(0, length)))
                {
                    return Fail(Replies.AuthEncoding501);
                }

                break;
        }

        _step = Step.Complete;
        return null;
    }

    /// <summary>RFC 5802 §5. The server's proof is the last challenge, and nothing its answer (RFC 4422 §5).</summary>
    private Reply? Scram(ReadOnlySpan<byte> message)
    {
        ScramServer scram = _scram!;
        switch (_step)
        {
            case Step.ScramFirst:
                if (!scram.TryFirst(message))
                {
                    return Fail(Replies.AuthResponse501);
                }

                _step = Step.ScramFinal;
                return Challenge(scram.First(_accounts!.VerifierOf(scram.User)));
            case Step.ScramFinal:
                if (!scram.TryFinal(message, out byte[] proof))
                {
                    return Fail(Replies.AuthFailed535);
                }

                _step = Step.ScramEnd;
                return Challenge(proof);
            default:
                if (!message.IsEmpty)
                {
                    return Fail(Replies.AuthResponse501);
                }

                _step = Step.Complete;
                IsProven = true;
                return null;
        }
    }

    /// <summary>RFC 4422 appendix A: who the client is, the certificate says; the response, whom it wants to act as, which is nobody else.</summary>
    private Reply? External(ReadOnlySpan<byte> actsAs)
    {
        if (_accounts!.Find(_certificate!, actsAs) is not { } account)
        {
            return Fail(Replies.AuthFailed535);
        }

        _external = Encoding.UTF8.GetBytes(account.Name);
        _step = Step.Complete;
        IsProven = true;
        return null;
    }

    private static Reply Challenge(byte[] message) => new(ReplyCode.AuthenticationContinues334, Convert.ToBase64String(message));

    /// <summary>RFC 4616 §2: <c>[authzid] NUL authcid NUL passwd</c>. To act as somebody else is nobody's right here: then there is no such user.</summary>
    private bool TrySplit(ReadOnlySpan<byte> message)
    {
        if (message.Count((byte)0) != 2)
        {
            return false;
        }

        int first = message.IndexOf((byte)0);
        int second = message.LastIndexOf((byte)0);
        ReadOnlySpan<byte> actsAs = message[..first];
        (_userStart, _userLength) = (first + 1, second - first - 1);
        (_passwordStart, _passwordLength) = (second + 1, message.Length - second - 1);
        if (!actsAs.IsEmpty && !actsAs.SequenceEqual(message.Slice(_userStart, _userLength)))
        {
            _userLength = 0;
        }

        return true;
    }

    private Reply Fail(Reply reply)
    {
        Clear();
        return reply;
    }
}
