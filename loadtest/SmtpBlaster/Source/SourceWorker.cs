using HdrHistogram;
using SmtpBlaster.Ledgers;
using SmtpBlaster.Net;
using SmtpBlaster.Report;

namespace SmtpBlaster.Source;

/// <summary>One loop of a source with its sessions: gives those that are free the messages that are due. Lives on its loop's thread.</summary>
internal sealed class SourceWorker
{
    // After a failed connection, before the next attempt of the same session.
    private const long BackOff = Clock.Second / 5;

    // How long sessions may take to say goodbye.
    private const long Farewell = 5 * Clock.Second;

    private readonly SourceSchedule _schedule;
    private readonly Timeline _timeline;
    private readonly Random _random;
    private readonly int _index;

    // Connected ones are taken first.
    private readonly Stack<SourceSession> _ready = new();
    private readonly Stack<SourceSession> _unconnected = new();
    private readonly List<SourceSession> _sessions = [];
    private readonly LongHistogram _interval = Latency.Create();
    private long _armed = long.MaxValue;
    private long _published;
    private long _intervalMessages;
    private long _intervalFailed;
    private long _failingSince;
    private int _draining;
    private bool _ended;

    public SourceWorker(SourceOptions options, SourceSchedule schedule, Timeline timeline, Ledger? ledger, int index)
    {
        (Options, _schedule, _timeline, Ledger, _index) = (options, schedule, timeline, ledger, index);
        _random = new Random(options.Seed + index);
    }

    public SourceOptions Options { get; }

    public EventLoop Loop { get; } = new();

    public Ledger? Ledger { get; }

    public Random Random => _random;

    public SourceCounters Counters { get; } = new();

    public ReplyTally Replies { get; } = new();

    /// <summary>From the beginning of a connection to its greeting.</summary>
    public LongHistogram Connecting { get; } = Latency.Create();

    /// <summary>Why connections failed or were lost, with how often.</summary>
    public Dictionary<string, long> Troubles { get; } = new(StringComparer.Ordinal);

    /// <summary>The run was given up because the server can't be used.</summary>
    public string? GaveUp { get; private set; }

    /// <summary>What the server doesn't offer although it was asked for.</summary>
    public HashSet<string> Missing { get; } = new(StringComparer.Ordinal);

    public Task Start()
    {
        Loop.Post(() =>
        {
            Grow(Clock.Now);
            Loop.At(_timeline.Start + _timeline.Interval, Tick);
        });
        return Loop.Start(FormattableString.Invariant($"source {_index}"));
    }

    /// <summary>A session has nothing to do. True: it has a message now.</summary>
    public bool Next(SourceSession session, out Ticket ticket)
    {
        Turn turn = _schedule.Take(Clock.Now, (int)Options.Recipients.Draw(_random), out ticket, out long due);
        if (turn == Turn.Now)
        {
            return true;
        }

        if (turn == Turn.Never)
        {
            Drain();
        }
        else
        {
            Arm(due);
        }

        return false;
    }

    public void Idle(SourceSession session)
    {
        if (_schedule.IsOver)
        {
            session.Leave();
            EndWhenEmpty();
            return;
        }

        (session.IsReady ? _ready : _unconnected).Push(session);
    }

    /// <summary>The server can be used.</summary>
    public void Used() => _failingSince = 0;

    public void Acknowledge(long latency)
    {
        _failingSince = 0;
        Counters.Acknowledged++;
        _intervalMessages++;
        Latency.Record(_interval, latency);
    }

    public void Refuse(int code)
    {
        _intervalFailed++;
        if (code >= 500)
        {
            Counters.Permanent++;
        }
        else
        {
            Counters.Transient++;
        }
    }

    public void Unanswered()
    {
        _intervalFailed++;
        Counters.Unanswered++;
    }

    public void Trouble(string what)
    {
        // As many kinds as anybody reads.
        if (Troubles.Count < 50 || Troubles.ContainsKey(what))
        {
            Troubles[what] = Troubles.GetValueOrDefault(what) + 1;
        }
    }

    /// <summary>A session couldn't connect: it tries again later with the message it has.</summary>
    public void Retry(SourceSession session)
    {
        long now = Clock.Now;
        _failingSince = _failingSince == 0 ? now : _failingSince;
        Loop.At(now + BackOff, _ => Retried(session));
    }

    private void Retried(SourceSession session)
    {
        if (_schedule.IsOver && GaveUp is not null)
        {
            session.Abandon();
        }
        else
        {
            session.Reconnect();
        }

        EndWhenEmpty();
    }

    private void Arm(long due)
    {
        if (due < _armed)
        {
            _armed = due;
            Loop.At(due, Pump);
        }
    }

    private void Pump(long now)
    {
        _armed = long.MaxValue;
        while (_ready.Count + _unconnected.Count > 0)
        {
            // One that was closed while it waited is not ready any more.
            SourceSession session = _ready.Count > 0 ? _ready.Pop() : _unconnected.Pop();
            if (!Next(session, out Ticket ticket))
            {
                Idle(session);
                return;
            }

            session.Begin(ticket);
        }
    }

    /// <summary>Adds sessions as the ramp wants them; each loop has its part.</summary>
    private void Grow(long now)
    {
        int wanted = _schedule.SessionsAt(now);
        int mine = (wanted / Options.Threads) + (_index < wanted % Options.Threads ? 1 : 0);
        while (_sessions.Count < mine && !_schedule.IsOver)
        {
            var session = new SourceSession(this, (_sessions.Count * Options.Threads) + _index);
            _sessions.Add(session);
            if (Next(session, out Ticket ticket))
            {
                session.Begin(ticket);
            }
            else
            {
                Idle(session);
            }
        }
    }

    private void Tick(long now)
    {
        Grow(now);
        Publish(_timeline.Interval);
        if (_failingSince != 0 && now - _failingSince > Options.GiveUp)
        {
            GaveUp = Troubles.Count > 0 ? Troubles.MaxBy(static t => t.Value).Key : "nothing answers";
            _schedule.Stop();
        }

        if (_schedule.IsOver)
        {
            Drain();
        }

        Loop.At(_timeline.Start + ((_published + 1) * _timeline.Interval), Tick);
    }

    private void Publish(long length)
    {
        _timeline.Publish(_published++, _intervalMessages, _intervalFailed, _interval, length);
        _interval.Reset();
        _intervalMessages = _intervalFailed = 0;
    }

    /// <summary>There are no more messages: sessions leave, at once or when they are done.</summary>
    public void Drain()
    {
        if (_draining++ > 0)
        {
            return;
        }

        // Not from inside the session that has just learned of it.
        Loop.At(Clock.Now, _ =>
        {
            while (_ready.TryPop(out SourceSession? session))
            {
                session.Leave();
            }

            EndWhenEmpty();
        });
        Loop.At(Clock.Now + Options.Timeout + Farewell, _ => End());
    }

    private void EndWhenEmpty()
    {
        if (_schedule.IsOver && _sessions.TrueForAll(static s => s.IsDone))
        {
            End();
        }
    }

    /// <summary>Ends the loop: also what is still under way.</summary>
    public void End()
    {
        if (_ended)
        {
            return;
        }

        _ended = true;
        foreach (SourceSession session in _sessions)
        {
            session.Abandon();
        }

        Publish(Clock.Now - (_timeline.Start + (_published * _timeline.Interval)));
        Loop.Stop();
    }
}
