using System.Buffers;
using System.Text;
using Relay.Protocol.Sasl;
using Relay.Protocol.Smtp;
using SmtpBlaster.Net;
using SmtpBlaster.Report;

namespace SmtpBlaster.Source;

/// <summary>A connection from its greeting until mail can be sent: EHLO, STARTTLS and EHLO again, AUTH, as far as it is wanted. A session has one, for one connection after the other; lives on its loop.</summary>
internal sealed class SourceHandshake
{
    private const int MaximumExtensions = 64 * 1024;

    private readonly SourceWorker _worker;
    private readonly SourceOptions _options;
    private readonly Connection _connection;
    private readonly SourceLogin _login;
    private readonly byte[] _hello;

    // Null: nothing that is wanted depends on it.
    private readonly ArrayBufferWriter<byte>? _extensions;
    private Stage _stage;
    private long _began;

    public SourceHandshake(SourceWorker worker, Connection connection)
    {
        (_worker, _options, _connection) = (worker, worker.Options, connection);
        _hello = Encoding.ASCII.GetBytes($"EHLO {_options.Hello}\r\n");
        _login = new SourceLogin(_options);
        _extensions = _options.NeedsExtensions ? new ArrayBufferWriter<byte>(512) : null;
    }

    /// <summary>Wanted, and offered.</summary>
    public bool Pipelining { get; private set; }

    /// <summary>Wanted, and offered.</summary>
    public bool Chunking { get; private set; }

    public void Begin(long now)
    {
        _stage = Stage.Connect;
        _began = now;
    }

    public void OnTls()
    {
        // With implicit TLS the greeting is still to come.
        if (_stage == Stage.StartTls)
        {
            Hello();
        }
    }

    /// <summary>A line of a reply, before <see cref="OnReply"/> is told of the last.</summary>
    public void OnLine(ReadOnlySpan<byte> line)
    {
        if (_stage == Stage.Ehlo && _extensions is { } text && text.WrittenCount < MaximumExtensions)
        {
            text.Write(line);
            text.Write("\r\n"u8);
        }
    }

    /// <summary>True: mail can be sent. Otherwise there is more to be said, or <paramref name="refusal"/> tells why it can't.</summary>
    public bool OnReply(int code, ReadOnlySpan<byte> text, out string? refusal)
    {
        // What stands behind 334 is a challenge.
        _worker.Replies.Count(_stage, code, code == 334 ? default : text);
        refusal = null;
        switch (_stage)
        {
            case Stage.Connect when code == 220:
                Latency.Record(_worker.Connecting, Clock.Now - _began);
                Hello();
                return false;
            case Stage.Ehlo when code == 250:
                return OnHello(out refusal);
            case Stage.StartTls when code == 220:
                _connection.StartTls(_options.TlsOptions!);
                return false;
            case Stage.Auth when code == 235 && _login.IsComplete:
                return true;
            case Stage.Auth when code == 334 && _login.Respond(text) is { } response:
                _connection.Send(response);
                return false;
            case Stage.Auth when code is 235 or 334:
                refusal = Answered("AUTH: the server's part of it is wrong", code, text);
                return false;
            default:
                refusal = Answered(_stage == Stage.Connect ? "the connection" : _stage.ToString().ToUpperInvariant(), code, text);
                return false;
        }
    }

    private static string Answered(string what, int code, ReadOnlySpan<byte> text) =>
        FormattableString.Invariant($"{what} was answered {code} {Encoding.UTF8.GetString(text[..Math.Min(100, text.Length)])}");

    private void Hello()
    {
        _stage = Stage.Ehlo;
        _extensions?.ResetWrittenCount();
        _connection.Send(_hello);
    }

    private bool OnHello(out string? refusal)
    {
        refusal = null;
        ServerExtensions offered = default;
        if (_extensions is { } written)
        {
            var sequence = new ReadOnlySequence<byte>(written.WrittenMemory);
            _ = ReplyReader.TryReadEhlo(ref sequence, out _, out offered);
        }

        if (_options.Tls == TlsMode.StartTls && !_connection.IsTls)
        {
            if (!offered.StartTls)
            {
                refusal = "STARTTLS: it is not offered";
                return false;
            }

            _stage = Stage.StartTls;
            _connection.Send("STARTTLS\r\n"u8);
            return false;
        }

        Pipelining = _options.Pipelining && IsOffered(offered.Pipelining, "PIPELINING");
        Chunking = _options.Chunking && IsOffered(offered.Chunking, "CHUNKING");
        if (_options.Mechanism == SaslMechanisms.None)
        {
            return true;
        }

        if (!offered.Mechanisms.HasFlag(_options.Mechanism))
        {
            refusal = $"AUTH {_options.Mechanism}: it is not offered";
            return false;
        }

        _stage = Stage.Auth;
        _connection.Send(_login.Begin());
        return false;
    }

    private bool IsOffered(bool offered, string extension)
    {
        if (!offered)
        {
            _worker.Missing.Add(extension);
        }

        return offered;
    }
}
