using System.Net;
using SmtpBlaster.Net;
using SmtpBlaster.Report;

namespace SmtpBlaster.Sink;

/// <summary>
/// One connection of a sink: what is received goes to its <see cref="SinkDialogue"/>, and all replies to what came together leave together, when and as slowly as the rules want it. Used again for one connection after the
/// other; lives on its worker's loop.
/// </summary>
internal sealed class SinkSession : Connection
{
    private readonly SinkWorker _worker;
    private readonly SinkOptions _options;
    private readonly SinkReplies _replies;
    private readonly SinkDialogue _dialogue;
    private IPAddress? _address;
    private bool _welcome;
    private int _connection;

    public SinkSession(SinkWorker worker)
        : base(worker.Loop)
    {
        (_worker, _options) = (worker, worker.Options);
        _replies = new SinkReplies(worker);
        _dialogue = new SinkDialogue(worker, _replies);
    }

    public void Begin(int socket, IPAddress? address, bool welcome)
    {
        _connection++;
        (_address, _welcome) = (address, welcome);
        _replies.Clear();
        _dialogue.Begin();
        Deadline = Clock.Now + _options.Timeout;
        if (!Open(socket))
        {
            _worker.Left(this, _address);
            return;
        }

        if (_options.ReadRate > 0)
        {
            ReadSlowly(_options.ReadRate);
        }

        if (_options.Tls == TlsMode.Implicit)
        {
            StartTls(_options.TlsOptions!);
        }
        else
        {
            Greet();
        }
    }

    protected override void OnTls()
    {
        _dialogue.OnTls();
        if (_options.Tls == TlsMode.Implicit)
        {
            Greet();
        }
    }

    protected override int OnData(Span<byte> data)
    {
        Deadline = Clock.Now + _options.Timeout;
        int used = _dialogue.Take(data);
        AfterReplies();
        return used;
    }

    protected override void OnClosed(CloseReason reason, int error, string? detail)
    {
        if (!_dialogue.IsIdle || reason is CloseReason.TimedOut or CloseReason.Tls)
        {
            _worker.Counters.ConnectionsLost++;
        }

        _worker.Left(this, _address);
    }

    private void Greet()
    {
        if (_welcome)
        {
            _replies.Answer(Stage.Connect, default, _worker.Greeting);
        }
        else
        {
            _replies.Say(Stage.Connect, "421 4.7.0 too many connections\r\n"u8);
            _replies.Ends = true;
        }

        AfterReplies();
    }

    /// <summary>Replies leave, and what was to happen behind them happens; or all of it waits.</summary>
    private void AfterReplies()
    {
        if (_replies.Slow > 0)
        {
            ReadSlowly(_replies.Slow);
            _replies.Slowed();
        }

        if (_replies.Delay > 0)
        {
            Wait();
            return;
        }

        if (!_replies.Text.IsEmpty)
        {
            Send(_replies.Text);
            _replies.Sent();
        }

        if (_replies.Ends)
        {
            Close(_replies.Resets);
            _worker.Left(this, _address);
        }
        else if (_replies.StartsTls)
        {
            _replies.StartsTls = false;
            StartTls(_options.TlsOptions!);
        }
    }

    private void Wait()
    {
        Pause();
        int connection = _connection;
        Loop.At(Clock.Now + _replies.Delay, _ =>
        {
            // The session may serve another connection by now.
            if (connection == _connection && IsOpen)
            {
                _replies.Waited();
                AfterReplies();
                Resume();
            }
        });
    }
}
