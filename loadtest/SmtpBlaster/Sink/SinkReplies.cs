using System.Buffers.Text;
using SmtpBlaster.Report;

namespace SmtpBlaster.Sink;

/// <summary>
/// What a session says, put together until it is sent, and what is to happen with it: usual, or as the first rule that fits wants it. Nothing happens here; the session does what it finds when it is <see cref="IsFull"/> or there
/// is nothing more to read. One connection after the other.
/// </summary>
internal sealed class SinkReplies(SinkWorker worker)
{
    private readonly SinkOptions _options = worker.Options;
    private readonly bool _hasRules = worker.Options.Rules.Count > 0;
    private byte[] _text = new byte[512];
    private int _length;

    /// <summary>Not sent yet.</summary>
    public ReadOnlySpan<byte> Text => _text.AsSpan(0, _length);

    /// <summary>The connection ends behind it.</summary>
    public bool Ends { get; set; }

    /// <summary>It ends with a reset.</summary>
    public bool Resets { get; private set; }

    /// <summary>A handshake begins behind it.</summary>
    public bool StartsTls { get; set; }

    /// <summary>Nanoseconds until it is sent. One delay at a time: with LMTP, the first of several counts for all.</summary>
    public long Delay { get; private set; }

    /// <summary>Octets a second that are read from now on; 0: as before.</summary>
    public long Slow { get; private set; }

    /// <summary>No more is read before this has been done.</summary>
    public bool IsFull => Ends || StartsTls || Delay > 0;

    /// <summary>Forgets all: a new connection.</summary>
    public void Clear()
    {
        _length = 0;
        Ends = Resets = StartsTls = false;
        Delay = Slow = 0;
    }

    public void Sent() => _length = 0;

    public void Waited() => Delay = 0;

    public void Slowed() => Slow = 0;

    public bool Answer(Stage stage, ReadOnlySpan<byte> domain, ReadOnlySpan<byte> usual) => Answer(stage, domain, usual, out _);

    /// <summary>Answers as usual, or as the first rule that fits wants it. True: the answer says yes, and is given.</summary>
    public bool Answer(Stage stage, ReadOnlySpan<byte> domain, ReadOnlySpan<byte> usual, out SinkAct act)
    {
        act = SinkAct.None;
        SinkRule? rule = _hasRules ? Find(stage, domain) : null;
        if (rule is null)
        {
            Say(stage, usual);
            return true;
        }

        act = rule.Act;
        Slow = rule.Slow > 0 ? rule.Slow : Slow;
        Delay = Delay == 0 ? rule.Delay : Delay;
        bool drops = act is SinkAct.Drop or SinkAct.Reset;
        Resets |= act == SinkAct.Reset;
        if (!drops)
        {
            Say(stage, rule.Reply ?? usual);
        }

        // 421 says that the connection is closed, too.
        bool yes = rule.Reply is null || rule.Code < 400;
        Ends |= drops || rule.Code == 421 || (stage == Stage.Connect && !yes);
        return yes && !drops;
    }

    public void Say(Stage stage, ReadOnlySpan<byte> reply)
    {
        _ = Utf8Parser.TryParse(reply[..3], out int code, out _);
        worker.Replies.Count(stage, code, reply[3..]);
        if (_text.Length - _length < reply.Length)
        {
            Array.Resize(ref _text, (_length + reply.Length) * 2);
        }

        reply.CopyTo(_text.AsSpan(_length));
        _length += reply.Length;
    }

    private SinkRule? Find(Stage stage, ReadOnlySpan<byte> domain)
    {
        foreach (SinkRule rule in _options.Rules)
        {
            if (rule.Matches(stage, domain, worker.Random))
            {
                return rule;
            }
        }

        return null;
    }
}
