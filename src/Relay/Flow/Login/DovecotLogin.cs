using System.Buffers;
using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Relay.Protocol.Sasl;
using Relay.Protocol.Smtp;

namespace Relay.Flow.Login;

/// <summary>One exchange with Dovecot: what the client says goes there, and what it answers comes back.</summary>
internal sealed class DovecotLogin(DovecotLogins logins, string mechanism, LoginClient client) : ILogin
{
    private DovecotConnection? _connection;
    private uint _id;
    private bool _isOver;
    private byte[]? _name;

    public async ValueTask<LoginAnswer> AnswerAsync(ReadOnlyMemory<byte>? response, CancellationToken cancel)
    {
        string start;
        if (_connection is not { } connection)
        {
            if (await logins.ConnectionAsync(cancel).ConfigureAwait(false) is not { } fresh)
            {
                return new LoginAnswer(Replies.AuthAway454);
            }

            connection = _connection = fresh;
            _id = connection.NextId();
            start = Begin();
        }
        else
        {
            start = string.Create(CultureInfo.InvariantCulture, $"CONT\t{_id}\t");
        }

        int length = start.Length + Base64.GetMaxEncodedToUtf8Length(response?.Length ?? 0) + "\tresp=\n".Length;
        if (length > DovecotLine.MaximumLength)
        {
            return new LoginAnswer(Replies.AuthLineTooLong500);
        }

        // The line has the secret in it.
        byte[] line = ArrayPool<byte>.Shared.Rent(length);
        DovecotReply? reply;
        try
        {
            reply = await logins.AskAsync(connection, _id, line.AsMemory(0, Write(line, start, response)), cancel).ConfigureAwait(false);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(line);
            ArrayPool<byte>.Shared.Return(line);
        }

        _isOver = reply is not { Verdict: DovecotVerdict.Continue };
        return reply switch
        {
            null or { IsTemporary: true } => new LoginAnswer(Replies.AuthAway454),
            // To a token, that is what was wrong with it.
            { Verdict: DovecotVerdict.Continue } => new LoginAnswer(new Reply(ReplyCode.AuthenticationContinues334, reply.Value.Challenge)) { IsWrong = IsToken && response is not null },
            { Verdict: DovecotVerdict.Ok, User: { } user } => LoginAnswer.LoggedIn(logins.Find(user)),
            _ => LoginAnswer.Failed,
        };
    }

    public LoginProof? ProofIn(ReadOnlyMemory<byte>? response)
    {
        if (response is not { } octets)
        {
            return null;
        }

        switch (mechanism)
        {
            case "PLAIN":
                return PlainMessage.TryRead(octets.Span, out Range user, out Range password) ? new LoginProof(octets[user].ToArray(), octets[password]) : null;
            case "LOGIN":
                byte[]? name = _name;
                _name ??= octets.ToArray();
                return name is null ? null : new LoginProof(name, octets);
            case "SCRAM-SHA-256":
                // The name is Dovecot's to read.
                bool isFirst = _name is null;
                _name = [];
                return isFirst ? null : new LoginProof([], default);
            default:
                return new LoginProof([], octets);
        }
    }

    public void Dispose()
    {
        if (_connection is { } connection && !_isOver)
        {
            _isOver = true;
            // Nobody waits for it: it would forget the exchange by itself after a while.
            _ = connection.SendAsync(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"CANCEL\t{_id}\n")), CancellationToken.None).AsTask();
        }
    }

    private bool IsToken => mechanism is "OAUTHBEARER" or "XOAUTH2";

    /// <summary>Where it was, to whom, and that nobody comes to fetch who has logged in. The response has to come last.</summary>
    private string Begin()
    {
        var start = new StringBuilder().Append(CultureInfo.InvariantCulture, $"AUTH\t{_id}\t{mechanism}\tservice=smtp\tnologin\tsecured\trip={client.Remote.Address}\trport={client.Remote.Port}");
        if (client.Local is { } local)
        {
            start.Append(CultureInfo.InvariantCulture, $"\tlip={local.Address}\tlport={local.Port}");
        }

        return start.ToString();
    }

    private static int Write(Span<byte> line, string start, ReadOnlyMemory<byte>? response)
    {
        int length = Encoding.ASCII.GetBytes(start, line);
        if (response is { } octets)
        {
            if (line[length - 1] != '\t')
            {
                "\tresp="u8.CopyTo(line[length..]);
                length += "\tresp=".Length;
            }

            Base64.EncodeToUtf8(octets.Span, line[length..], out _, out int written);
            length += written;
        }

        line[length++] = (byte)'\n';
        return length;
    }
}
