using System.Buffers;
using System.Buffers.Text;
using System.Text;
using Relay.Protocol.Sasl;
using Relay.Protocol.Smtp;
using SmtpBlaster.Messages;
using SmtpBlaster.Net;
using SmtpBlaster.Options;
using SmtpBlaster.Report;

namespace SmtpBlaster.Source;

/// <summary>
/// One SMTP client: connects when it is given a message, sends it, asks its worker for the next, and leaves after so many. One command at a time, or with pipelining MAIL, RCPT… and DATA (or BDAT with all of the message) in one
/// flight. Refusals and lost connections are counted, and the message is not tried again. Lives on its worker's loop.
/// </summary>
internal sealed class SourceSession : Connection
{
    private const int MaximumReplyLine = 4096;
    private const int MaximumReply = 64 * 1024;

    private readonly SourceWorker _worker;
    private readonly SourceOptions _options;
    private readonly SourceLogin _login;
    private readonly int _index;
    private readonly byte[] _target;
    private readonly byte[] _hello;
    private readonly Draft _draft = new();
    private readonly ArrayBufferWriter<byte>? _extensionText;
    private bool[] _taken;
    private Step _step;
    private Ticket _ticket;
    private bool _hasTicket;
    private int _connections;
    private int _messagesLeft;
    private int _answered;
    private int _accepted;
    private int _refusal;
    private bool _flight;
    private long _began;
    private bool _pipelining;
    private bool _chunking;

    public SourceSession(SourceWorker worker, int index)
        : base(worker.Loop)
    {
        (_worker, _options, _index) = (worker, worker.Options, index);
        _target = Target.SocketAddress(_options.Target);
        _hello = Encoding.ASCII.GetBytes($"EHLO {_options.Hello}\r\n");
        _taken = new bool[Math.Max(1, (int)_options.Recipients.Least)];
        _login = new SourceLogin(_options);
        _extensionText = _options.NeedsExtensions ? new ArrayBufferWriter<byte>(512) : null;
    }

    private enum Step
    {
        Unconnected,
        Waiting,
        Greeting,
        Ehlo,
        StartTls,
        Auth,
        Ready,
        Mail,
        Rcpt,
        Data,
        Content,
        Reset,
        Quit,
        Abandoned,
    }

    public bool IsReady => _step == Step.Ready;

    /// <summary>Neither a connection nor a message.</summary>
    public bool IsDone => _step is Step.Unconnected or Step.Abandoned;

    protected override bool ReadsWhileSending => true;

    public void Begin(in Ticket ticket)
    {
        _ticket = ticket;
        _hasTicket = true;
        if (_step == Step.Ready)
        {
            StartMessage();
        }
        else
        {
            Connect();
        }
    }

    public void Reconnect()
    {
        if (_step == Step.Waiting)
        {
            Connect();
        }
    }

    /// <summary>Says goodbye when nothing is under way.</summary>
    public void Leave()
    {
        if (_step == Step.Ready)
        {
            Quit();
        }
    }

    /// <summary>Ends at once, whatever is under way.</summary>
    public void Abandon()
    {
        if (_hasTicket && _step is >= Step.Mail and <= Step.Content)
        {
            _worker.Unanswered();
        }

        _hasTicket = false;
        _step = Step.Abandoned;
        Close();
    }

    protected override int OnData(Span<byte> data)
    {
        int at = 0;
        while (at < data.Length)
        {
            int length = data[at..].IndexOf((byte)'\n') + 1;
            if (length == 0)
            {
                if (data.Length - at > MaximumReplyLine)
                {
                    Broken("a reply line of more than 4096 octets");
                }

                break;
            }

            ReadOnlySpan<byte> line = data.Slice(at, length).TrimEnd("\r\n"u8);
            at += length;
            if (line.Length < 3 || !Utf8Parser.TryParse(line[..3], out int code, out int used) || used != 3 || code is < 200 or > 599)
            {
                Broken("a reply that is none");
                break;
            }

            if (_step == Step.Ehlo && _extensionText is { } text && text.WrittenCount < MaximumReply)
            {
                text.Write(line);
                text.Write("\r\n"u8);
            }

            if (line.Length > 3 && line[3] == '-')
            {
                continue;
            }

            bool clear = !IsTls;
            OnReply(code, line[Math.Min(4, line.Length)..]);
            if (!IsOpen || (clear && IsTls))
            {
                return data.Length;
            }
        }

        return at;
    }

    protected override void OnTls()
    {
        if (_step == Step.StartTls)
        {
            Hello();
        }
    }

    protected override void OnClosed(CloseReason reason, int error, string? detail)
    {
        string what = reason switch
        {
            CloseReason.EndOfStream => "closed by the server",
            CloseReason.TimedOut => "timed out",
            CloseReason.Tls => $"TLS: {detail}",
            _ => Linux.ErrorText(error),
        };
        switch (_step)
        {
            case Step.Quit:
            case Step.Ready:
                // The server may close a connection that waits.
                break;
            case Step.Greeting or Step.Ehlo or Step.StartTls or Step.Auth:
                NotConnected(what);
                return;
            case Step.Reset:
                // The message had its reply.
                _worker.Counters.ConnectionsLost++;
                _worker.Trouble("reset: " + what);
                break;
            default:
                _worker.Counters.ConnectionsLost++;
                _worker.Trouble(FormattableString.Invariant($"{_step.ToString().ToLowerInvariant()}: {what}"));
                _worker.Unanswered();
                break;
        }

        bool waiting = _step == Step.Ready;
        _hasTicket = false;
        _step = Step.Unconnected;
        if (!waiting)
        {
            Proceed();
        }
    }

    private void Connect()
    {
        _step = Step.Greeting;
        _began = Clock.Now;
        Deadline = _began + _options.Timeout;
        _messagesLeft = _options.MessagesPerConnection == 0 ? int.MaxValue : _options.MessagesPerConnection;
        int socket = Linux.OpenSocket(_options.Target.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork ? 2 : 10);
        if (socket < 0)
        {
            NotConnected(Linux.ErrorText(Linux.Error));
            return;
        }

        _ = Linux.SetNoDelay(socket);
        bool bound = true;
        if (_options.Bind.Count > 0)
        {
            // Each session goes on through the addresses: all are used, also by few sessions.
            byte[] local = _options.Bind[(_index + _connections) % _options.Bind.Count];
            _ = Linux.SetBindWithoutPort(socket);
            bound = Linux.Bind(socket, local) >= 0;
        }

        _connections++;
        if (!bound || (Linux.Connect(socket, _target) < 0 && Linux.Error != Linux.InProgress))
        {
            string what = Linux.ErrorText(Linux.Error);
            _ = Linux.Close(socket);
            NotConnected(what);
            return;
        }

        if (!Open(socket))
        {
            NotConnected("the loop takes no more descriptors");
            return;
        }

        if (_options.Tls == TlsMode.Implicit)
        {
            StartTls(_options.TlsOptions!);
        }
    }

    private void NotConnected(string what)
    {
        _worker.Counters.ConnectionsFailed++;
        _worker.Trouble("connect: " + what);
        Close();
        _step = Step.Waiting;
        Deadline = long.MaxValue;
        _worker.Retry(this);
    }

    private void Broken(string what)
    {
        Fail(CloseReason.Tls, 0, what);
    }

    private void OnReply(int code, ReadOnlySpan<byte> text)
    {
        switch (_step)
        {
            case Step.Greeting:
                _worker.Replies.Count(Stage.Connect, code, text);
                Greeted(code, text);
                break;
            case Step.Ehlo:
                _worker.Replies.Count(Stage.Ehlo, code, text);
                OnHello(code, text);
                break;
            case Step.StartTls:
                _worker.Replies.Count(Stage.StartTls, code, text);
                if (code == 220)
                {
                    StartTls(_options.TlsOptions!);
                }
                else
                {
                    Refused("STARTTLS", code, text);
                }

                break;
            case Step.Auth:
                OnAuth(code, text);
                break;
            case Step.Mail:
                _worker.Replies.Count(Stage.Mail, code, text);
                OnMail(code);
                break;
            case Step.Rcpt:
                _worker.Replies.Count(Stage.Rcpt, code, text);
                OnRcpt(code);
                break;
            case Step.Data:
                _worker.Replies.Count(Stage.Data, code, text);
                OnDataReply(code);
                break;
            case Step.Content:
                _worker.Replies.Count(Stage.End, code, text);
                OnContentReply(code);
                break;
            case Step.Reset:
                _worker.Replies.Count(Stage.Reset, code, text);
                MessageDone();
                break;
            case Step.Quit:
                Close();
                _step = Step.Unconnected;
                Proceed();
                break;
            case Step.Ready when code == 421:
                // It has had enough of waiting.
                break;
            default:
                Broken("a reply that nobody asked for");
                break;
        }
    }

    private void Greeted(int code, ReadOnlySpan<byte> text)
    {
        if (code != 220)
        {
            Refused("the connection", code, text);
            return;
        }

        long now = Clock.Now;
        Latency.Record(_worker.Connecting, now - _began);
        Hello();
    }

    private void Hello()
    {
        _step = Step.Ehlo;
        _extensionText?.ResetWrittenCount();
        Send(_hello);
    }

    private void OnHello(int code, ReadOnlySpan<byte> text)
    {
        if (code != 250)
        {
            Refused("EHLO", code, text);
            return;
        }

        ServerExtensions offered = default;
        if (_extensionText is { } written)
        {
            var sequence = new ReadOnlySequence<byte>(written.WrittenMemory);
            _ = ReplyReader.TryReadEhlo(ref sequence, out _, out offered);
        }

        if (_options.Tls == TlsMode.StartTls && !IsTls)
        {
            if (!offered.StartTls)
            {
                Refused("STARTTLS: it is not offered", 0, default);
                return;
            }

            _step = Step.StartTls;
            Send("STARTTLS\r\n"u8);
            return;
        }

        _pipelining = _options.Pipelining && (offered.Pipelining || !Missing("PIPELINING"));
        _chunking = _options.Chunking && (offered.Chunking || !Missing("CHUNKING"));
        if (_options.Mechanism != SaslMechanisms.None)
        {
            if (!offered.Mechanisms.HasFlag(_options.Mechanism))
            {
                Refused($"AUTH {_options.Mechanism}: it is not offered", 0, default);
                return;
            }

            _step = Step.Auth;
            Send(_login.Begin());
            return;
        }

        Established();
    }

    private bool Missing(string extension)
    {
        _worker.Missing.Add(extension);
        return true;
    }

    private void OnAuth(int code, ReadOnlySpan<byte> text)
    {
        _worker.Replies.Count(Stage.Auth, code, code == 334 ? default : text);
        if (code == 235 && _login.IsComplete)
        {
            Established();
        }
        else if (code == 334 && _login.Respond(text) is { } response)
        {
            Send(response);
        }
        else
        {
            Refused(code is 235 or 334 ? "AUTH: the server's part of it is wrong" : "AUTH", code, text);
        }
    }

    private void Established()
    {
        _worker.Counters.Connections++;
        _worker.Used();
        StartMessage();
    }

    private void Refused(string what, int code, ReadOnlySpan<byte> text) =>
        NotConnected(code == 0 ? what : FormattableString.Invariant($"{what} was answered {code} {Encoding.UTF8.GetString(text[..Math.Min(100, text.Length)])}"));

    private void StartMessage()
    {
        _began = Clock.Now;
        Deadline = _began + _options.Timeout;
        (_answered, _accepted, _refusal) = (0, 0, 0);
        if (_taken.Length < _ticket.Count)
        {
            _taken = new bool[_ticket.Count];
        }

        SourceCounters counters = _worker.Counters;
        counters.Messages++;
        counters.Recipients += _ticket.Count;
        _worker.Ledger?.Sent(_ticket.First, _ticket.Count);
        _step = Step.Mail;
        _flight = _pipelining;
        byte[] scratch = Loop.Scratch;
        int at = Put(scratch, 0, "MAIL FROM:<"u8);
        at += _options.From.Write(_ticket.First, scratch.AsSpan(at));
        at = Put(scratch, at, ">\r\n"u8);
        if (!_flight)
        {
            Send(scratch.AsSpan(0, at));
            return;
        }

        for (int i = 0; i < _ticket.Count; i++)
        {
            if (scratch.Length - at < 1024)
            {
                Send(scratch.AsSpan(0, at));
                at = 0;
            }

            at = PutRecipient(scratch, at, i);
        }

        if (!_chunking)
        {
            at = Put(scratch, at, "DATA\r\n"u8);
        }

        Send(scratch.AsSpan(0, at));
        if (_chunking)
        {
            SendContent();
        }
    }

    private void OnMail(int code)
    {
        if (code is < 200 or > 299)
        {
            _refusal = code;
            if (!_flight)
            {
                GiveUpMessage(code);
                return;
            }
        }

        _step = Step.Rcpt;
        if (!_flight)
        {
            SendRecipient(0);
        }
    }

    private void OnRcpt(int code)
    {
        bool taken = code is >= 200 and <= 299 && _refusal == 0;
        _taken[_answered++] = taken;
        _accepted += taken ? 1 : 0;
        if (!taken && _accepted == 0 && _refusal == 0 && _answered == _ticket.Count)
        {
            _refusal = code;
        }

        if (_answered < _ticket.Count)
        {
            if (!_flight)
            {
                SendRecipient(_answered);
            }

            return;
        }

        if (_flight)
        {
            _step = _chunking ? Step.Content : Step.Data;
        }
        else if (_accepted == 0)
        {
            GiveUpMessage(_refusal);
        }
        else if (_chunking)
        {
            _step = Step.Content;
            SendContent();
        }
        else
        {
            _step = Step.Data;
            Send("DATA\r\n"u8);
        }
    }

    private void OnDataReply(int code)
    {
        if (code != 354)
        {
            GiveUpMessage(_refusal != 0 ? _refusal : code);
            return;
        }

        _step = Step.Content;
        if (_accepted == 0)
        {
            // RFC 2920 §3.1: the server took DATA although it has no recipient; nothing is to be sent.
            Send(".\r\n"u8);
        }
        else
        {
            SendContent();
        }
    }

    private void OnContentReply(int code)
    {
        long now = Clock.Now;
        if (code is >= 200 and <= 299 && _accepted > 0)
        {
            _worker.Counters.RecipientsAcknowledged += _accepted;
            if (_worker.Ledger is { } ledger)
            {
                for (int i = 0; i < _ticket.Count; i++)
                {
                    if (_taken[i])
                    {
                        ledger.Acknowledged(_ticket.First + i);
                    }
                }
            }

            _worker.Used();
            _worker.Acknowledge(now - _ticket.Intended);
            MessageDone();
        }
        else if (_flight && _chunking && code is < 200 or > 299)
        {
            // RFC 3030 §2: a chunk that was refused leaves the transaction undefined until RSET.
            GiveUpMessage(_refusal != 0 ? _refusal : code);
        }
        else
        {
            _worker.Refuse(_refusal != 0 ? _refusal : code);
            MessageDone(lost: code == 421);
        }
    }

    private void GiveUpMessage(int code)
    {
        _worker.Refuse(code);
        if (code == 421)
        {
            MessageDone(lost: true);
            return;
        }

        _step = Step.Reset;
        Send("RSET\r\n"u8);
    }

    /// <summary>After 421 the server closes the connection, and we don't wait for it.</summary>
    private void MessageDone(bool lost = false)
    {
        _hasTicket = false;
        _messagesLeft--;
        if (lost)
        {
            _worker.Counters.ConnectionsLost++;
            Close();
            _step = Step.Unconnected;
        }
        else if (_messagesLeft == 0)
        {
            Quit();
            return;
        }
        else
        {
            _step = Step.Ready;
        }

        Proceed();
    }

    private void Proceed()
    {
        if (_worker.Next(this, out Ticket next))
        {
            Begin(next);
            return;
        }

        Deadline = long.MaxValue;
        _worker.Idle(this);
    }

    private void Quit()
    {
        _step = Step.Quit;
        Deadline = Clock.Now + (5 * Clock.Second);
        Send("QUIT\r\n"u8);
    }

    private void SendRecipient(int index)
    {
        byte[] scratch = Loop.Scratch;
        Send(scratch.AsSpan(0, PutRecipient(scratch, 0, index)));
    }

    private int PutRecipient(byte[] into, int at, int index)
    {
        at = Put(into, at, "RCPT TO:<"u8);
        at += _options.To.Write(_ticket.First + index, into.AsSpan(at));
        return Put(into, at, ">\r\n"u8);
    }

    private void SendContent()
    {
        var facts = new MessageFacts(_options.Run, _ticket.First, _ticket.Count, Clock.Micros(Clock.Now));
        _options.Content.Fill(_draft, facts, stuffed: !_chunking, _worker.Random);
        _worker.Counters.Octets += _draft.Length;
        if (_chunking)
        {
            Span<byte> command = stackalloc byte[Draft.CommandRoom];
            "BDAT "u8.CopyTo(command);
            Utf8Formatter.TryFormat(_draft.Length, command[5..], out int digits);
            " LAST\r\n"u8.CopyTo(command[(5 + digits)..]);
            _draft.Prepend(command[..(5 + digits + 7)]);
        }
        else
        {
            _draft.AppendTail(".\r\n"u8);
        }

        Send(_draft.Head, _draft.Body, _draft.Tail.AsSpan(0, _draft.TailLength));
    }

    private static int Put(byte[] into, int at, ReadOnlySpan<byte> text)
    {
        text.CopyTo(into.AsSpan(at));
        return at + text.Length;
    }
}
