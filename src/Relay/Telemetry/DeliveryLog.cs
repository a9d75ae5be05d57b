using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace Relay.Telemetry;

/// <summary>
/// The file that says what became of every recipient: one JSON object a line, flushed every second or when <see cref="FlushBytes"/> are waiting, never synced.
/// <see cref="Write"/> is for any thread, never blocks on the disk and never throws: beyond <see cref="MaximumBytes"/> of lines that the disk doesn't take, new ones are
/// dropped and counted, because mail is worth more than its log. One background loop owns the file. Disposing writes what is left.
/// </summary>
public sealed class DeliveryLog : IAsyncDisposable
{
    public const int FlushBytes = 64 * 1024;

    public const int MaximumBytes = 16 * 1024 * 1024;

    private static readonly TimeSpan FlushPeriod = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    private const int MostPauses = 20;

    // A disk that hangs must not keep the process from stopping.
    private static readonly TimeSpan CloseTimeout = TimeSpan.FromSeconds(5);

    // One per thread, so that only the copying of the finished line is done under the lock.
    [ThreadStatic]
    private static DeliveryLine? _line;

    private readonly Lock _lock = new();
    private readonly DeliveryFile _file;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly RelayMetrics _metrics;
    private readonly ITimer _timer;
    private readonly Task _loop;
    private readonly Channel<bool> _wake = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite, SingleReader = true });
    private LineBuffer _filling = new();
    private LineBuffer _writing = new();
    private bool _dropping;
    private bool _reopen;
    private volatile string? _path;

    /// <summary>Opens nothing yet: the file is made by the first flush. A null path makes a log that writes nothing.</summary>
    public DeliveryLog(string? path, TimeProvider time, ILogger log, RelayMetrics metrics)
    {
        _time = time;
        _log = log;
        _path = path;
        _metrics = metrics;
        _file = new DeliveryFile(path ?? "", time, log, metrics);
        _timer = time.CreateTimer(static log => ((DeliveryLog)log!).Wake(), this, FlushPeriod, FlushPeriod);
        _loop = Task.Run(FlushLoopAsync);
    }

    /// <summary>Adds one line. The octets of the addresses are copied.</summary>
    public void Write(in DeliveryRecord record, ReadOnlySpan<byte> from, ReadOnlySpan<byte> to)
    {
        if (_path is null)
        {
            return;
        }

        ReadOnlySpan<byte> line = (_line ??= new DeliveryLine()).Format(record, from, to);
        bool wake;
        bool firstDrop = false;
        lock (_lock)
        {
            // What is being written counts too: it stays in memory for as long as the disk doesn't take it.
            if (_filling.Length + _writing.Length + line.Length <= MaximumBytes)
            {
                int before = _filling.Length;
                _filling.Append(line);
                _dropping = false;
                wake = before < FlushBytes && _filling.Length >= FlushBytes;
                line = default;
            }
            else
            {
                firstDrop = !_dropping;
                _dropping = wake = true;
            }
        }

        if (!line.IsEmpty)
        {
            _metrics.DeliveryRecordDropped();
            if (firstDrop)
            {
                DeliveryLogEvents.Dropping(_log, _file.Path);
            }
        }

        if (wake)
        {
            Wake();
        }
    }

    /// <summary>Completes when less than half of what it may keep waits for the disk, or at the latest after a while: for whoever has very many lines to write at once.</summary>
    public async ValueTask HasRoomAsync()
    {
        for (int i = 0; i < MostPauses && Waiting > MaximumBytes / 2; i++)
        {
            await Task.Delay(Pause, _time).ConfigureAwait(false);
        }
    }

    /// <summary>After a rotation: what was written before this call goes to the old file; a new one is made at the path for what comes once that is done.</summary>
    public void Reopen() => Reopen(_path);

    /// <summary>The same with another path; null writes nothing from now on.</summary>
    public void Reopen(string? path)
    {
        _path = path;
        Volatile.Write(ref _reopen, true);
        Wake();
    }

    public async ValueTask DisposeAsync()
    {
        await _timer.DisposeAsync().ConfigureAwait(false);
        _wake.Writer.TryComplete();
        try
        {
            await _loop.WaitAsync(CloseTimeout, _time).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            DeliveryLogEvents.NotClosed(_log, _file.Path);
        }
    }

    private int Waiting
    {
        get
        {
            lock (_lock)
            {
                return _filling.Length + _writing.Length;
            }
        }
    }

    private void Wake() => _wake.Writer.TryWrite(true);

    private async Task FlushLoopAsync()
    {
        // Ends when the log is disposed; until then the timer is the deadline of each wait.
        while (await _wake.Reader.WaitToReadAsync().ConfigureAwait(false))
        {
            _wake.Reader.TryRead(out _);
            await FlushAsync().ConfigureAwait(false);
        }

        await FlushAsync().ConfigureAwait(false);
        _file.Close();
    }

    private async Task FlushAsync()
    {
        bool reopen = Interlocked.Exchange(ref _reopen, false);
        if (reopen && _file.Path.Length == 0)
        {
            // There was none: what has come since belongs to the first.
            _file.Path = _path ?? "";
        }

        // Twice: what an earlier failure left, and then what came meanwhile.
        for (int i = 0; i < 2; i++)
        {
            if (_writing.Length == 0)
            {
                lock (_lock)
                {
                    (_filling, _writing) = (_writing, _filling);
                }
            }

            if (_writing.Length == 0 || !await _file.TryAppendAsync(_writing.Memory).ConfigureAwait(false))
            {
                break;
            }

            lock (_lock)
            {
                _writing.Clear();
            }
        }

        if (reopen)
        {
            _file.Close();
            _file.Path = _path ?? _file.Path;
        }
    }
}
