using System.Buffers.Binary;
using System.Net;
using System.Text;
using System.Buffers.Text;
using SmtpBlaster.Messages;
using SmtpBlaster.Net;
using SmtpBlaster.Report;

namespace SmtpBlaster.Sink;

/// <summary>
/// One SMTP or LMTP session of a sink: takes everything but what the rules say. Commands are read where they lie, and all replies to what came together leave together. Not a judge of syntax: what it doesn't understand is
/// refused, what it understands is taken. Used again for one connection after the other; lives on its worker's loop.
/// </summary>
internal sealed class SinkSession : Connection
{
    private const int MaximumLine = 64 * 1024;
    private const int MaximumRecipients = 100_000;

    private readonly SinkWorker _worker;
    private readonly SinkOptions _options;
    private readonly bool _hasRules;
    private IPAddress? _address;
    private ContentReader _content;
    private Step _step;
    private bool _welcome;
    private bool _hasSender;
    private long[] _numbers = new long[4];
    private int _recipients;
    private byte[] _domain = new byte[256];
    private int _domainLength;
    private long _chunkLeft;
    private bool _chunkLast;
    private bool _chunkRefused;
    private bool _inChunks;
    private byte[] _out = new byte[512];
    private int _outLength;
    private bool _ending;
    private bool _startTls;

    // A reply that a rule holds back.
    private bool _delayed;
    private int _connection;

    public SinkSession(SinkWorker worker)
        : base(worker.Loop)
    {
        (_worker, _options) = (worker, worker.Options);
        _hasRules = _options.Rules.Count > 0;
    }

    private enum Step
    {
        Commands,
        Data,
        Chunk,
    }

    public void Begin(int socket, IPAddress? address, bool welcome)
    {
        _connection++;
        _address = address;
        _welcome = welcome;
        _step = Step.Commands;
        _outLength = 0;
        _ending = _startTls = _delayed = false;
        Reset();
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
        if (_options.Tls == TlsMode.Implicit)
        {
            Greet();
        }
    }

    protected override int OnData(Span<byte> data)
    {
        Deadline = Clock.Now + _options.Timeout;
        int at = 0;
        while (at < data.Length && IsOpen && !_ending && !_delayed && !_startTls)
        {
            int used = _step switch
            {
                Step.Data => TakeData(data[at..]),
                Step.Chunk => TakeChunk(data[at..]),
                _ => TakeCommand(data[at..]),
            };
            if (used == 0)
            {
                break;
            }

            at += used;
        }

        // RFC 3207 §4.2, and RFC 5321 §4.1.1.10: nothing that was said in the same breath counts.
        if (_startTls || _ending)
        {
            at = data.Length;
        }

        AfterReplies();
        return at;
    }

    protected override void OnClosed(CloseReason reason, int error, string? detail)
    {
        if (_step != Step.Commands || _hasSender || reason is CloseReason.TimedOut or CloseReason.Tls)
        {
            _worker.Counters.ConnectionsLost++;
        }

        _worker.Left(this, _address);
    }

    /// <summary>Replies leave, and what was to happen behind them happens. In a delay they wait for its end.</summary>
    private void AfterReplies()
    {
        if (_delayed || !IsOpen)
        {
            return;
        }

        if (_outLength > 0)
        {
            Send(_out.AsSpan(0, _outLength));
            _outLength = 0;
        }

        if (_startTls)
        {
            _startTls = false;
            StartTls(_options.TlsOptions!);
        }
        else if (_ending)
        {
            End(reset: false);
        }
    }

    private void End(bool reset)
    {
        if (IsOpen)
        {
            Close(reset);
            _worker.Left(this, _address);
        }
    }

    private void Greet()
    {
        if (!_welcome)
        {
            Say(Stage.Connect, "421 4.7.0 too many connections\r\n"u8);
            _ending = true;
            AfterReplies();
            return;
        }

        Answer(Stage.Connect, default, _worker.Greeting);
        AfterReplies();
    }

    /// <summary>0: the line isn't complete.</summary>
    private int TakeCommand(Span<byte> data)
    {
        int length = data.IndexOf((byte)'\n') + 1;
        if (length == 0)
        {
            if (data.Length > MaximumLine)
            {
                Say(Stage.Quit, "500 5.5.2 line too long\r\n"u8);
                _ending = true;
            }

            return 0;
        }

        ReadOnlySpan<byte> line = data[..length].TrimEnd("\r\n"u8);
        if (line.Length < 4)
        {
            Say(Stage.Quit, "500 5.5.2 unknown command\r\n"u8);
            return length;
        }

        // Four letters as a number, in upper case.
        switch (BinaryPrimitives.ReadUInt32BigEndian(line) & 0xdfdfdfdf)
        {
            case ('M' << 24) | ('A' << 16) | ('I' << 8) | 'L':
                OnMail();
                break;
            case ('R' << 24) | ('C' << 16) | ('P' << 8) | 'T':
                OnRcpt(line);
                break;
            case ('D' << 24) | ('A' << 16) | ('T' << 8) | 'A':
                OnDataCommand();
                break;
            case ('B' << 24) | ('D' << 16) | ('A' << 8) | 'T':
                OnChunkCommand(line);
                break;
            case ('E' << 24) | ('H' << 16) | ('L' << 8) | 'O' when !_options.Lmtp:
            case ('L' << 24) | ('H' << 16) | ('L' << 8) | 'O' when _options.Lmtp:
                Reset();
                Answer(Stage.Ehlo, default, Extensions());
                break;
            case ('H' << 24) | ('E' << 16) | ('L' << 8) | 'O' when !_options.Lmtp:
                Reset();
                Answer(Stage.Ehlo, default, "250 Ok\r\n"u8);
                break;
            case ('R' << 24) | ('S' << 16) | ('E' << 8) | 'T':
                Reset();
                Say(Stage.Reset, "250 2.0.0 Ok\r\n"u8);
                break;
            case ('N' << 24) | ('O' << 16) | ('O' << 8) | 'P':
                Say(Stage.Reset, "250 2.0.0 Ok\r\n"u8);
                break;
            case ('Q' << 24) | ('U' << 16) | ('I' << 8) | 'T':
                Reset();
                Say(Stage.Quit, "221 2.0.0 Bye\r\n"u8);
                _ending = true;
                break;
            case ('S' << 24) | ('T' << 16) | ('A' << 8) | 'R' when _options.Tls == TlsMode.StartTls && !IsTls:
                Say(Stage.StartTls, "220 2.0.0 Go ahead\r\n"u8);
                Reset();
                _startTls = true;
                break;
            default:
                Say(Stage.Quit, "500 5.5.2 unknown command\r\n"u8);
                break;
        }

        return length;
    }

    private byte[] Extensions()
    {
        var text = new StringBuilder($"250-{_options.Hostname}\r\n");
        text.Append(_options.Pipelining ? "250-PIPELINING\r\n" : "");
        text.Append(_options.Chunking ? "250-CHUNKING\r\n250-BINARYMIME\r\n" : "");
        text.Append(_options.Tls == TlsMode.StartTls && !IsTls ? "250-STARTTLS\r\n" : "");
        text.Append("250-8BITMIME\r\n250-SMTPUTF8\r\n250-DSN\r\n250-ENHANCEDSTATUSCODES\r\n250 SIZE 0\r\n");
        return Encoding.ASCII.GetBytes(text.ToString());
    }

    private void OnMail()
    {
        if (_hasSender)
        {
            Say(Stage.Mail, "503 5.5.1 there is a sender already\r\n"u8);
            return;
        }

        _hasSender = Answer(Stage.Mail, default, "250 2.1.0 Ok\r\n"u8);
    }

    private void OnRcpt(ReadOnlySpan<byte> line)
    {
        if (!_hasSender || _recipients >= MaximumRecipients)
        {
            Say(Stage.Rcpt, _hasSender ? "452 4.5.3 too many recipients\r\n"u8 : "503 5.5.1 MAIL first\r\n"u8);
            return;
        }

        int at = line.LastIndexOf((byte)'@');
        ReadOnlySpan<byte> domain = at < 0 ? default : line[(at + 1)..];
        int end = domain.IndexOf((byte)'>');
        domain = end < 0 ? domain : domain[..end];
        if (!Answer(Stage.Rcpt, domain, "250 2.1.5 Ok\r\n"u8))
        {
            return;
        }

        if (_recipients == 0 && _hasRules)
        {
            _domainLength = Math.Min(domain.Length, _domain.Length);
            domain[.._domainLength].CopyTo(_domain);
        }

        if (_recipients == _numbers.Length)
        {
            Array.Resize(ref _numbers, _recipients * 2);
        }

        _numbers[_recipients++] = at < 0 ? -1 : NumberBefore(line[..at]);
    }

    /// <summary>The digits that a local part ends with; -1 without any.</summary>
    private static long NumberBefore(ReadOnlySpan<byte> text)
    {
        int begin = text.LastIndexOfAnyExceptInRange((byte)'0', (byte)'9') + 1;
        return Utf8Parser.TryParse(text[begin..], out long number, out _) ? number : -1;
    }

    private void OnDataCommand()
    {
        if (_recipients == 0 || _inChunks)
        {
            Say(Stage.Data, "503 5.5.1 no valid recipients\r\n"u8);
            return;
        }

        if (Answer(Stage.Data, _domain.AsSpan(0, _domainLength), "354 End data with <CR><LF>.<CR><LF>\r\n"u8))
        {
            _content.Begin();
            _step = Step.Data;
        }
    }

    private int TakeData(ReadOnlySpan<byte> data)
    {
        int used = _content.TakeData(data, out bool ended);
        if (ended)
        {
            _step = Step.Commands;
            EndMessage();
        }

        return used;
    }

    /// <summary>RFC 3030 §2: <c>"BDAT" SP chunk-size [ SP "LAST" ]</c>.</summary>
    private void OnChunkCommand(ReadOnlySpan<byte> line)
    {
        if (line.Length < 6 || !Utf8Parser.TryParse(line[5..], out long size, out int digits) || size < 0)
        {
            // How long the chunk is, nobody knows.
            Say(Stage.Data, "501 5.5.4 BDAT wants a size\r\n"u8);
            _ending = true;
            return;
        }

        ReadOnlySpan<byte> rest = line[(5 + digits)..].Trim((byte)' ');
        _chunkLast = Ascii.EqualsIgnoreCase(rest, "LAST"u8);
        _chunkLeft = size;
        _chunkRefused = _recipients == 0;
        if (!_inChunks)
        {
            _content.Begin();
            _inChunks = true;
        }

        _step = Step.Chunk;
        if (size == 0)
        {
            EndChunk();
        }
    }

    private int TakeChunk(ReadOnlySpan<byte> data)
    {
        int length = (int)Math.Min(data.Length, _chunkLeft);
        _content.TakeChunk(data[..length]);
        _chunkLeft -= length;
        if (_chunkLeft == 0)
        {
            EndChunk();
        }

        return length;
    }

    private void EndChunk()
    {
        _step = Step.Commands;
        if (_chunkRefused)
        {
            _inChunks = false;
            Say(Stage.Data, "503 5.5.1 no valid recipients\r\n"u8);
        }
        else if (_chunkLast)
        {
            EndMessage();
        }
        else
        {
            Say(Stage.Data, "250 2.0.0 Ok\r\n"u8);
        }
    }

    private void EndMessage()
    {
        ReadOnlySpan<byte> domain = _domain.AsSpan(0, _domainLength);
        if (!_options.Lmtp)
        {
            if (Answer(Stage.End, domain, "250 2.0.0 Ok\r\n"u8, out SinkAct act))
            {
                _worker.Arrived(_content, _numbers.AsSpan(0, _recipients), act);
            }
            else
            {
                _worker.Refused();
            }

            Reset();
            return;
        }

        // RFC 2033 §4.2: a reply for each recipient.
        int taken = 0;
        int recipients = _recipients;
        SinkAct last = SinkAct.None;
        for (int i = 0; i < recipients && !_ending; i++)
        {
            if (Answer(Stage.End, domain, "250 2.0.0 Ok\r\n"u8, out SinkAct act))
            {
                _numbers[taken++] = _numbers[i];
                last = act == SinkAct.None ? last : act;
            }
        }

        if (taken > 0)
        {
            _worker.Arrived(_content, _numbers.AsSpan(0, taken), last);
        }
        else
        {
            _worker.Refused();
        }

        Reset();
    }

    private void Reset()
    {
        _hasSender = _inChunks = false;
        _recipients = 0;
        _domainLength = 0;
    }

    private bool Answer(Stage stage, ReadOnlySpan<byte> domain, ReadOnlySpan<byte> usual) => Answer(stage, domain, usual, out _);

    /// <summary>Answers as usual, or as the first rule that fits wants it. True: the answer says yes, and the connection is still there.</summary>
    private bool Answer(Stage stage, ReadOnlySpan<byte> domain, ReadOnlySpan<byte> usual, out SinkAct act)
    {
        act = SinkAct.None;
        SinkRule? rule = _hasRules ? Find(stage, domain) : null;
        if (rule is null)
        {
            Say(stage, usual);
            return true;
        }

        act = rule.Act;
        if (rule.Slow > 0)
        {
            ReadSlowly(rule.Slow);
        }

        bool drops = act is SinkAct.Drop or SinkAct.Reset;
        if (!drops)
        {
            Say(stage, rule.Reply ?? usual);
        }

        // 421 says that the connection is closed, too.
        bool yes = rule.Reply is null || rule.Code < 400;
        _ending |= rule.Code == 421 || (stage == Stage.Connect && !yes);
        if (rule.Delay > 0)
        {
            Delay(rule.Delay, drops, act == SinkAct.Reset);
        }
        else if (drops)
        {
            End(act == SinkAct.Reset);
        }

        return yes && !drops;
    }

    private void Delay(long delay, bool drops, bool reset)
    {
        // One delay at a time: with LMTP, the first of several counts for all.
        if (_delayed)
        {
            return;
        }

        _delayed = true;
        Pause();
        int connection = _connection;
        Loop.At(Clock.Now + delay, _ =>
        {
            // The session may serve another connection by now.
            if (connection != _connection || !IsOpen)
            {
                return;
            }

            _delayed = false;
            if (drops)
            {
                End(reset);
                return;
            }

            AfterReplies();
            Resume();
        });
    }

    private SinkRule? Find(Stage stage, ReadOnlySpan<byte> domain)
    {
        foreach (SinkRule rule in _options.Rules)
        {
            if (rule.Matches(stage, domain, _worker.Random))
            {
                return rule;
            }
        }

        return null;
    }

    private void Say(Stage stage, ReadOnlySpan<byte> reply)
    {
        _ = Utf8Parser.TryParse(reply[..3], out int code, out _);
        _worker.Replies.Count(stage, code, reply[3..]);
        if (_out.Length - _outLength < reply.Length)
        {
            Array.Resize(ref _out, (_outLength + reply.Length) * 2);
        }

        reply.CopyTo(_out.AsSpan(_outLength));
        _outLength += reply.Length;
    }
}
