using System.Collections.Concurrent;
using System.Net;
using SmtpBlaster.Ledgers;
using SmtpBlaster.Net;
using SmtpBlaster.Options;
using SmtpBlaster.Report;

namespace SmtpBlaster.Sink;

/// <summary>A whole run of a sink: its listeners and loops, from <see cref="Start"/> to <see cref="StopAsync"/>.</summary>
internal sealed class SinkRun
{
    /// <summary>Ledgers are kept for so many runs that send to one sink; of more, duplicates aren't found.</summary>
    private const int MaximumRuns = 16;

    private const int Backlog = 4096;

    private readonly List<int> _listeners = [];
    private readonly ConcurrentDictionary<uint, Ledger> _ledgers = new();
    private readonly ConcurrentDictionary<IPAddress, int> _addresses = new();
    private readonly TaskCompletionSource _enough = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly SinkWorker[] _workers;
    private Task[] _loops = [];
    private int _connections;
    private long _room;
    private long _messages;

    public SinkRun(SinkOptions options, Action<TimelinePoint>? onPoint)
    {
        Options = options;
        Timeline = new Timeline(options.Threads, options.Interval, onPoint);
        _workers = [.. Enumerable.Range(0, options.Threads).Select(i => new SinkWorker(this, Timeline, i))];
    }

    public SinkOptions Options { get; }

    public Timeline Timeline { get; }

    /// <summary>Where it listens, with the ports that it got.</summary>
    public IReadOnlyList<IPEndPoint> Addresses { get; private set; } = [];

    /// <summary>Done when the wanted number of messages has come.</summary>
    public Task Enough => _enough.Task;

    public long Messages => Interlocked.Read(ref _messages);

    /// <summary>Has arrivals of a run written into a ledger that the source writes into, too.</summary>
    public void Use(uint run, Ledger ledger) => _ledgers[run] = ledger;

    /// <summary>Throws IOException when an address can't be listened on.</summary>
    public void Start()
    {
        try
        {
            Addresses = [.. Options.Listen.Select(Listen)];
            _room = Linux.FreeFiles();
        }
        catch (IOException)
        {
            CloseListeners();
            throw;
        }

        _loops = [.. _workers.Select(w => w.Start(_listeners))];
    }

    public async Task<SinkResult> StopAsync()
    {
        foreach (SinkWorker worker in _workers)
        {
            worker.Loop.Post(worker.End);
        }

        await Task.WhenAll(_loops).ConfigureAwait(false);
        long elapsed = Clock.Now - Timeline.Start;
        CloseListeners();
        Timeline.End();
        var counters = new SinkCounters();
        var replies = new ReplyTally();
        foreach (SinkWorker worker in _workers)
        {
            counters.Add(worker.Counters);
            replies.Add(worker.Replies);
            worker.Loop.Dispose();
        }

        return new SinkResult(counters, replies, Timeline.Total, elapsed);
    }

    /// <summary>Ends early when a loop has failed, with what it failed of.</summary>
    public async Task WaitAsync(Task until)
    {
        Task first = await Task.WhenAny([until, .. _loops]).ConfigureAwait(false);
        await first.ConfigureAwait(false);
    }

    internal Ledger? LedgerOf(uint run) => _ledgers.TryGetValue(run, out Ledger? ledger) ? ledger
        : _ledgers.Count < MaximumRuns ? _ledgers.GetOrAdd(run, static _ => new Ledger()) : null;

    internal void CountMessage()
    {
        if (Interlocked.Increment(ref _messages) == Options.Count)
        {
            _enough.SetResult();
        }
    }

    /// <summary>There is a file descriptor for another connection.</summary>
    internal bool HasRoom => Volatile.Read(ref _connections) < _room;

    /// <summary>A connection comes. False: there are too many already.</summary>
    internal bool Enter(IPAddress? address)
    {
        bool welcome = Interlocked.Increment(ref _connections) <= Options.MaximumConnections;
        return (address is null || _addresses.AddOrUpdate(address, 1, static (_, n) => n + 1) <= Options.MaximumConnectionsPerAddress) && welcome;
    }

    internal void Leave(IPAddress? address)
    {
        Interlocked.Decrement(ref _connections);
        if (address is not null && _addresses.AddOrUpdate(address, 0, static (_, n) => n - 1) == 0)
        {
            _addresses.TryRemove(KeyValuePair.Create(address, 0));
        }
    }

    private IPEndPoint Listen(IPEndPoint address)
    {
        byte[] name = Target.SocketAddress(address);
        int socket = Linux.OpenSocket(name.Length < 28 ? 2 : 10);
        if (socket >= 0)
        {
            _listeners.Add(socket);
            _ = Linux.SetReuseAddress(socket);
            // Accepted sockets inherit it.
            _ = Linux.SetNoDelay(socket);
        }

        byte[] bound = new byte[28];
        int length;
        if (socket < 0 || Linux.Bind(socket, name) < 0 || Linux.Listen(socket, Backlog) < 0 || (length = Linux.LocalName(socket, bound)) < 0)
        {
            throw new IOException($"can't listen on {address}: {Linux.ErrorText(Linux.Error)}");
        }

        return Target.FromSocketAddress(bound.AsSpan(0, length));
    }

    private void CloseListeners()
    {
        foreach (int socket in _listeners)
        {
            _ = Linux.Close(socket);
        }

        _listeners.Clear();
    }
}
