using SmtpBlaster.Net;
using SmtpBlaster.Options;

namespace SmtpBlaster.Source;

/// <summary>
/// One SMTP client: connects when it is given a message (<see cref="SourceHandshake"/>), sends it (<see cref="SourceTransaction"/>), asks its worker for the next, and leaves after so many. Refusals and lost connections are
/// counted, and the message is not tried again. Lives on its worker's loop.
/// </summary>
internal sealed class SourceSession : Connection
{
    private readonly SourceWorker _worker;
    private readonly SourceOptions _options;
    private readonly int _index;
    private readonly byte[] _target;
    private readonly SourceHandshake _handshake;
    private readonly SourceTransaction _transaction;
    private ReplyLines _lines;
    private Step _step;
    private Ticket _ticket;
    private int _connections;
    private int _messagesLeft;

    public SourceSession(SourceWorker worker, int index)
        : base(worker.Loop)
    {
        (_worker, _options, _index) = (worker, worker.Options, index);
        _target = Target.SocketAddress(_options.Target);
        _handshake = new SourceHandshake(worker, this);
        _transaction = new SourceTransaction(worker, this);
    }

    private enum Step
    {
        Unconnected,

        /// <summary>Until the next attempt to connect.</summary>
        Waiting,
        Connecting,

        /// <summary>Connected, without a message.</summary>
        Ready,
        Sending,
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
        if (_step == Step.Sending && !_transaction.IsAnswered)
        {
            _worker.Unanswered();
        }

        _step = Step.Abandoned;
        Close();
    }

    protected override int OnData(Span<byte> data)
    {
        int at = 0;
        while (at < data.Length)
        {
            ReplyLine kind = _lines.Read(data[at..], out int used, out int code, out ReadOnlySpan<byte> line);
            if (kind is ReplyLine.TooLong or ReplyLine.Malformed)
            {
                Broken(kind == ReplyLine.TooLong ? "a reply line of more than 4096 octets" : "a reply that is none");
                break;
            }

            if (kind == ReplyLine.Incomplete)
            {
                break;
            }

            at += used;
            if (_step == Step.Connecting)
            {
                _handshake.OnLine(line);
            }

            if (kind == ReplyLine.More)
            {
                continue;
            }

            bool clear = !IsTls;
            OnReply(code, ReplyLines.Text(line));
            if (!IsOpen || (clear && IsTls))
            {
                return data.Length;
            }
        }

        return at;
    }

    protected override void OnTls() => _handshake.OnTls();

    protected override void OnClosed(CloseReason reason, int error, string? detail)
    {
        string what = reason switch
        {
            CloseReason.EndOfStream => "closed by the server",
            CloseReason.TimedOut => "timed out",
            CloseReason.Tls => $"TLS: {detail}",
            CloseReason.Protocol => detail!,
            _ => Linux.ErrorText(error),
        };
        Step step = _step;
        if (step == Step.Connecting)
        {
            NotConnected(what);
            return;
        }

        _step = Step.Unconnected;
        if (step == Step.Sending)
        {
            _worker.Counters.ConnectionsLost++;
            _worker.Trouble(FormattableString.Invariant($"{_transaction.Stage.ToString().ToLowerInvariant()}: {what}"));
            if (!_transaction.IsAnswered)
            {
                _worker.Unanswered();
            }
        }

        // The server may close a connection that waits: its session is among the worker's free ones already.
        if (step != Step.Ready)
        {
            Proceed();
        }
    }

    private void Connect()
    {
        _step = Step.Connecting;
        long now = Clock.Now;
        Deadline = now + _options.Timeout;
        _handshake.Begin(now);
        _lines.Begin();
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

    private void Broken(string what) => Fail(CloseReason.Protocol, 0, what);

    private void OnReply(int code, ReadOnlySpan<byte> text)
    {
        switch (_step)
        {
            case Step.Connecting:
                if (_handshake.OnReply(code, text, out string? refusal))
                {
                    _worker.Counters.Connections++;
                    _worker.Used();
                    StartMessage();
                }
                else if (refusal is not null)
                {
                    NotConnected(refusal);
                }

                break;
            case Step.Sending:
                if (_transaction.OnReply(code, text))
                {
                    MessageDone(lost: code == 421);
                }

                break;
            case Step.Quit:
                Close();
                _step = Step.Unconnected;
                Proceed();
                break;
            case Step.Ready when code == 421:
                // It has had enough of waiting: the next message gets a new connection.
                Close();
                _step = Step.Unconnected;
                break;
            default:
                Broken("a reply that nobody asked for");
                break;
        }
    }

    private void StartMessage()
    {
        _step = Step.Sending;
        Deadline = Clock.Now + _options.Timeout;
        _transaction.Begin(_ticket, _handshake.Pipelining, _handshake.Chunking);
    }

    /// <summary>After 421 the server closes the connection, and we don't wait for it.</summary>
    private void MessageDone(bool lost)
    {
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
}
