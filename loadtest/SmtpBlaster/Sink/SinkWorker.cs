using System.Net;
using System.Text;
using HdrHistogram;
using SmtpBlaster.Messages;
using SmtpBlaster.Net;
using SmtpBlaster.Report;

namespace SmtpBlaster.Sink;

/// <summary>One loop of a sink with its sessions. Lives on its loop's thread.</summary>
internal sealed class SinkWorker
{
    private readonly SinkRun _run;
    private readonly int _index;
    private readonly Timeline _timeline;
    private readonly Stack<SinkSession> _free = new();
    private readonly HashSet<SinkSession> _open = [];
    private readonly LongHistogram _interval = Latency.Create();
    private long _intervalMessages;
    private long _intervalFailed;
    private long _published;

    public SinkWorker(SinkRun run, Timeline timeline, int index)
    {
        (_run, _timeline, _index) = (run, timeline, index);
        Random = new Random(run.Options.Seed + index);
        Greeting = Encoding.ASCII.GetBytes($"220 {Options.Hostname} {(Options.Lmtp ? "LMTP" : "ESMTP")} smtp-blaster\r\n");
    }

    public SinkOptions Options => _run.Options;

    public EventLoop Loop { get; } = new();

    public Random Random { get; }

    public SinkCounters Counters { get; } = new();

    public byte[] Greeting { get; }

    public ReplyTally Replies { get; } = new();

    /// <summary>There is a file descriptor for another connection.</summary>
    public bool HasRoom => _run.HasRoom;

    public Task Start(IReadOnlyList<int> listeners)
    {
        foreach (int socket in listeners)
        {
            if (new SinkListener(this, socket).Listen() < 0)
            {
                throw new IOException($"epoll: {Linux.ErrorText(Linux.Error)}");
            }
        }

        Loop.Post(() => Loop.At(_timeline.Start + _timeline.Interval, Tick));
        return Loop.Start(FormattableString.Invariant($"sink {_index}"));
    }

    public void Accept(int socket, ReadOnlySpan<byte> peer)
    {
        SinkSession session = _free.Count > 0 ? _free.Pop() : new SinkSession(this);
        _open.Add(session);
        IPAddress? address = Options.MaximumConnectionsPerAddress == int.MaxValue ? null : SmtpBlaster.Options.Target.FromSocketAddress(peer).Address;
        Counters.Connections++;
        bool welcome = _run.Enter(address);
        if (!welcome)
        {
            Counters.ConnectionsRefused++;
        }

        session.Begin(socket, address, welcome);
    }

    public void Left(SinkSession session, IPAddress? address)
    {
        _run.Leave(address);
        if (_open.Remove(session))
        {
            _free.Push(session);
        }
    }

    /// <summary>A message was taken for so many recipients. <paramref name="act"/> is what a rule wants to be done to it.</summary>
    public void Arrived(in ContentReader content, ReadOnlySpan<long> numbers, SinkAct act)
    {
        Counters.Messages++;
        Counters.Recipients += numbers.Length;
        Counters.Octets += content.Length;
        _intervalMessages++;
        _run.CountMessage();
        if (!content.HasMarker)
        {
            Counters.Unmarked++;
            return;
        }

        Marker marker = content.Marker;
        bool altered = !content.IsUnaltered || act == SinkAct.Alter;
        Counters.Altered += altered ? 1 : 0;
        Latency.RecordMicros(_interval, Clock.Micros(Clock.Now) - marker.SentMicros);
        if (act == SinkAct.Lose || _run.LedgerOf(marker.Run) is not { } ledger)
        {
            return;
        }

        for (int i = 0; i < numbers.Length; i++)
        {
            // An address without a number in it: the recipients in their order. Where all have one, it is another message's recipient.
            bool isOurs = numbers[i] >= marker.Number && numbers[i] < marker.Number + marker.Count;
            long number = isOurs ? numbers[i] : marker.Number + Math.Min(i, marker.Count - 1);
            bool wrong = altered || (!isOurs && ledger.HasNumberedAddresses);
            for (int times = act == SinkAct.Twice ? 2 : 1; times > 0; times--)
            {
                Counters.Duplicates += ledger.Arrive(number, wrong) > 0 ? 1 : 0;
            }
        }
    }

    public void Refused() => _intervalFailed++;

    public void End()
    {
        foreach (SinkSession session in _open.ToArray())
        {
            session.Close();
        }

        Publish(Clock.Now - (_timeline.Start + (_published * _timeline.Interval)));
        Loop.Stop();
    }

    private void Tick(long now)
    {
        Publish(_timeline.Interval);
        Loop.At(_timeline.Start + ((_published + 1) * _timeline.Interval), Tick);
    }

    private void Publish(long length)
    {
        _timeline.Publish(_published++, _intervalMessages, _intervalFailed, _interval, length);
        _interval.Reset();
        _intervalMessages = _intervalFailed = 0;
    }
}
