using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Text;
using Microsoft.Extensions.Time.Testing;
using Relay.Concurrency;
using Relay.Flow;
using Relay.Flow.Queue;
using Relay.Flow.Send;
using Relay.Protocol.Smtp;
using Relay.Spool;
using Relay.Tests.Spool;

namespace Relay.Tests.Flow.Send;

/// <summary>
/// One outbound connection with the test at its other end. Everything runs on the test's thread: what the session does about a reply is done when <see cref="Say"/> returns, so that a test sees each flight
/// exactly. It is its own source of transactions, and keeps what became of them.
/// </summary>
internal sealed class SessionFixture : ITransactionSource, IAsyncDisposable
{
    public static readonly ServerExtensions Modern = new(
        Extensions.Pipelining | Extensions.Chunking | Extensions.EightBitMime | Extensions.Size | Extensions.SmtpUtf8 | Extensions.EnhancedStatusCodes, 10_000_000);

    public static readonly ServerExtensions WithoutChunks = Modern with { Offered = Modern.Offered & ~Extensions.Chunking };

    private readonly Heartbeat _heartbeat;
    private readonly Queue<OutboundTransaction> _waiting = new();
    private readonly Pipe _there;
    private readonly Pipe _back;
    private readonly TestSpool _spool;
    private readonly RecentHosts _distrust;
    private readonly bool _ownSpool;
    private int _added;
    private bool _closed;

    public SessionFixture(ServerExtensions server, NextHopScheme scheme = NextHopScheme.Smtp, int depth = SmtpClientSession.DefaultPipelineDepth, TestSpool? spool = null, long pause = 0)
    {
        Time = new FakeTimeProvider(DateTimeOffset.UnixEpoch.AddDays(20000));
        _heartbeat = new Heartbeat(Time);
        _ownSpool = spool is null;
        _spool = spool ?? TestSpool.Open(Disk);
        _distrust = new RecentHosts(Time);
        _there = new Pipe(new PipeOptions(readerScheduler: PipeScheduler.Inline, writerScheduler: PipeScheduler.Inline, pauseWriterThreshold: pause, resumeWriterThreshold: pause / 2, useSynchronizationContext: false));
        _back = new Pipe(new PipeOptions(readerScheduler: PipeScheduler.Inline, writerScheduler: PipeScheduler.Inline, pauseWriterThreshold: 0, useSynchronizationContext: false));
        var transport = new End(_back.Reader, _there.Writer);
        Connection = new OutboundConnection(
            new ConnectionKey(IPAddress.Parse("192.0.2.1"), 25, "mx.dest.example", scheme, OutboundTls.None), new Dialed(transport, IPAddress.Loopback, new Closing(transport), () => Acknowledged++), _heartbeat, 0)
        {
            Extensions = server,
        };
        Session = new SmtpClientSession(new DeliveryTimeouts(), Time, _distrust, depth);
    }

    public FakeTimeProvider Time { get; }

    public FaultyStorage Disk { get; } = new();

    public OutboundConnection Connection { get; }

    public SmtpClientSession Session { get; }

    public List<OutboundTransaction> Done { get; } = [];

    public List<OutboundTransaction> GivenBack { get; } = [];

    public List<OutboundTransaction> Taken { get; } = [];

    /// <summary>How often the peer was to be told at once what has come from it.</summary>
    public int Acknowledged { get; private set; }

    public bool IsClosed => _closed;

    public bool IsDistrusted => _distrust.Contains(Connection.Key.Address!);

    public Task<AttemptFailure?> Run { get; private set; } = Task.FromResult<AttemptFailure?>(null);

    /// <summary>A message from s0@source.example, the next from s1@…</summary>
    public async Task<OutboundTransaction> Add(string content, params string[] recipients)
    {
        var builder = new EnvelopeBuilder();
        builder.Begin(Encoding.UTF8.GetBytes($"s{_added++}@source.example"), BodyType.Unspecified, FlagsOf(Encoding.Latin1.GetBytes(content)));
        foreach (string recipient in recipients.Length > 0 ? recipients : ["a@dest.example"])
        {
            builder.TryAdd(Encoding.UTF8.GetBytes(recipient));
        }

        return Add(await Store(content, builder.Build()));
    }

    public OutboundTransaction Add(SpooledMessage message)
    {
        var transaction = new OutboundTransaction();
        ushort[] recipients = [.. Enumerable.Range(0, message.Envelope.RecipientCount).Select(static i => (ushort)i)];
        transaction.Begin(new QueuedMessage(message, recipients, new Destination("dest.example", null)), _spool.Spool.OpenBody(message), QueuedMessage.MaximumRecipients, Time.GetUtcNow());
        Add(transaction);
        return transaction;
    }

    public void Add(OutboundTransaction transaction) => _waiting.Enqueue(transaction);

    public Task<SpooledMessage> Store(string content, Envelope envelope) => _spool.Store(Encoding.Latin1.GetBytes(content), envelope);

    /// <summary>The body isn't in memory any more when it is wanted.</summary>
    public void Uncache(SpooledMessage message) => _spool.Spool.ReleaseBody(message);

    public static EnvelopeFlags FlagsOf(ReadOnlySpan<byte> content) =>
        (content.StartsWith("."u8) || content.IndexOf("\r\n."u8) >= 0 ? EnvelopeFlags.HasLeadingDot : EnvelopeFlags.None) |
        (content.IndexOfAnyExceptInRange((byte)0, (byte)127) >= 0 ? EnvelopeFlags.EightBit : EnvelopeFlags.None);

    public void Start() => Run = Session.RunAsync(Connection, this).AsTask();

    /// <summary>What the session has sent since the last time.</summary>
    public string Heard()
    {
        if (!_there.Reader.TryRead(out ReadResult read))
        {
            return "";
        }

        string text = Encoding.Latin1.GetString(read.Buffer.ToArray());
        _there.Reader.AdvanceTo(read.Buffer.End);
        return text;
    }

    public void Say(string replies)
    {
        if (!_closed && replies.Length > 0)
        {
            _back.Writer.Write(Encoding.Latin1.GetBytes(replies));
            _ = _back.Writer.FlushAsync().AsTask();
        }
    }

    /// <summary>Replies, each a line.</summary>
    public void Reply(params string[] lines) => Say(string.Concat(lines.Select(static l => l + "\r\n")));

    public void Close()
    {
        if (!_closed)
        {
            _closed = true;
            _there.Reader.Complete();
            _back.Writer.Complete();
        }
    }

    /// <summary>A step of a dialogue: what the session must have sent, exactly, and what it is told.</summary>
    public void Expect(string flight, params string[] replies)
    {
        Assert.Equal(flight, Heard());
        Reply(replies);
    }

    /// <summary>Has the connection take a message, so that the next one isn't its first.</summary>
    public async Task WarmUp()
    {
        await Add("first\r\n");
        Start();
        while (!Run.IsCompleted)
        {
            string flight = Heard();
            Assert.NotEqual("", flight);
            foreach (string line in flight.Split("\r\n"))
            {
                if (line.StartsWith("DATA", StringComparison.Ordinal))
                {
                    Reply("354 go on");
                }
                else if (line is "." || line.Split(' ')[0] is "MAIL" or "RCPT" or "BDAT")
                {
                    Reply("250 ok");
                }
            }
        }

        Assert.Null(await Run);
        Assert.Equal("", Heard());
        Done.Single().End();
        Done.Clear();
        Taken.Clear();
        _added = 0;
    }

    public OutboundTransaction? Next()
    {
        if (!_waiting.TryDequeue(out OutboundTransaction? transaction))
        {
            return null;
        }

        Taken.Add(transaction);
        return transaction;
    }

    public ValueTask DoneAsync(OutboundTransaction transaction)
    {
        AssertUnderWay(transaction);
        Assert.False(transaction.Result.HasOpen);
        Done.Add(transaction);
        return ValueTask.CompletedTask;
    }

    public void GiveBack(OutboundTransaction transaction)
    {
        AssertUnderWay(transaction);
        Assert.True(transaction.Result.HasOpen);
        Assert.DoesNotContain(transaction.Result.Outcomes.ToArray(), static o => o.Kind == OutcomeKind.Deferred);
        GivenBack.Add(transaction);
    }

    /// <summary>"Delivered 250 ok", "Failed 550 no", "None" of each recipient.</summary>
    public static string[] Outcomes(OutboundTransaction transaction) => [.. transaction.Result.Outcomes.ToArray().Select(static o => o.Kind == OutcomeKind.None ? "None" : $"{o.Kind} {o.Reply}")];

    public async ValueTask DisposeAsync()
    {
        Close();
        foreach (OutboundTransaction transaction in (OutboundTransaction[])[.. Taken, .. _waiting])
        {
            transaction.End();
        }

        Connection.Break();
        await Connection.DisposeAsync();
        _heartbeat.Dispose();
        if (_ownSpool)
        {
            await _spool.DisposeAsync();
        }
    }

    private void AssertUnderWay(OutboundTransaction transaction)
    {
        Assert.Contains(transaction, Taken);
        Assert.DoesNotContain(transaction, Done);
        Assert.DoesNotContain(transaction, GivenBack);
    }

    private sealed record End(PipeReader Input, PipeWriter Output) : IDuplexPipe;

    private sealed class Closing(End end) : IDisposable
    {
        public void Dispose()
        {
            end.Output.Complete();
            end.Input.Complete();
        }
    }
}
