using Microsoft.Extensions.Logging.Abstractions;
using Relay.Protocol.Message;
using Relay.Spool;

namespace Relay.Tests.Spool;

/// <summary>
/// Lives of one spool, one after the other, each with a few workers that store, settle, defer, remove, read and flush at random while segments are left, emptied and recycled; each ends by a power cut at
/// some call to the disk, or in good order. The room in memory is small, so part of the mail waits on disk alone. Everything that is given out is compared with a <see cref="SpoolModel"/>, and all that is there after each end.
/// </summary>
internal sealed class SpoolHistory(int seed)
{
    private const int Workers = 3;
    private const int SegmentSize = 32 * 1024;
    private const int Bound = 60;
    private const int MostMessages = 120;

    private readonly Random _random = new(seed);
    private FaultyStorage _disk = new();
    private SpoolModel _model = new();
    private long _operations;
    private int _copies;
    private int _parked;
    private int _full;

    public int Lives { get; private set; }

    public int Cuts { get; private set; }

    public long Operations => _operations;

    /// <summary>Batches of the compactor.</summary>
    public int Copies => _copies;

    public int Parked => _parked;

    public int Full => _full;

    public async Task LiveAsync()
    {
        Lives++;
        using var life = new Life(this);
        (FaultyStorage disk, SpoolModel model) = await life.RunAsync();
        Cuts += life.IsCut ? 1 : 0;
        // Each check has a disk of its own, or what is found would be taken away from the next life.
        await using (TestSpool all = TestSpool.Open(disk.Crash(null), segment: SegmentSize))
        {
            model.Check(all);
        }

        (_disk, _model) = (disk, model);
    }

    private sealed class Life : IDisposable
    {
        private readonly SpoolHistory _history;
        private readonly FaultyStorage _disk;
        private readonly SpoolModel _model;
        private readonly Random _diskRandom;
        private readonly int _cutAt;
        private readonly bool _cutInBackground;
        private readonly List<SpooledMessage> _live = [];
        private readonly CancellationTokenSource _stop = new();
        private MessageSpool? _spool;
        private (FaultyStorage Disk, SpoolModel Model)? _cut;
        private Exception? _failure;
        private int _calls;

        public Life(SpoolHistory history)
        {
            Random random = history._random;
            (_history, _disk, _model) = (history, history._disk, history._model);
            _diskRandom = new Random(random.Next());
            _cutInBackground = random.Next(2) == 0;
            _cutAt = random.Next(8) == 0 ? 0 : random.Next(1, random.Next(3) switch { 0 => 20, 1 => 100, _ => 600 });
        }

        public bool IsCut => _cut is not null;

        public async Task<(FaultyStorage Disk, SpoolModel Model)> RunAsync()
        {
            _disk.Fault = OnCall;
            bool narrow = _history._random.Next(8) == 0;
            var options = new SpoolOptions { Paths = [TestSpool.Folder], SegmentSize = SegmentSize, MessagesInMemory = Bound, CacheBudget = _history._random.Next(2) * 100_000 };
            await using (_spool = MessageSpool.Open(options, _disk, TimeProvider.System, NullLogger.Instance))
            {
                Task given = Task.Run(async () =>
                {
                    await _spool.RecoverAsync(Found, _stop.Token);
                    await _spool.ReadBackAsync(Found, _stop.Token);
                });
                if (narrow)
                {
                    _disk.SetSpace(_history._random.Next(100_000));
                }

                int length = _history._random.Next(20, 250);
                try
                {
                    await Task.WhenAll(Enumerable.Range(0, Workers).Select(_ => _history._random.Next()).ToList().Select(s => Task.Run(() => WorkAsync(new Random(s), length))));
                }
                finally
                {
                    await _stop.CancelAsync();
                    await given;
                }

                _disk.SetSpace(FaultyStorage.Plenty);
                await FlushAsync();
            }

            _disk.Fault = null;
            Assert.Null(_failure);
            Assert.DoesNotContain(TestSpool.Folder + "/corrupt", _disk.Names("/"));
            return _cut ?? (_disk.Crash(_diskRandom), _model);
        }

        public void Dispose() => _stop.Dispose();

        private async Task WorkAsync(Random random, int length)
        {
            for (int i = 0; i < length && _cut is null && _failure is null; i++)
            {
                Interlocked.Increment(ref _history._operations);
                switch (random.Next(20))
                {
                    case < 8:
                        await StoreAsync(random);
                        break;
                    case < 15:
                        Say(random, final: true, Claim(random));
                        break;
                    case < 17:
                        Say(random, final: false, Claim(random));
                        break;
                    case 17:
                        Remove(Claim(random));
                        break;
                    case 18:
                        Read(Claim(random));
                        break;
                    default:
                        await FlushAsync();
                        break;
                }
            }
        }

        private async Task StoreAsync(Random random)
        {
            if (_model.Count > MostMessages)
            {
                return;
            }

            byte[] body = TestSpool.Body(random.Next(), random.Next(8) switch { 0 => random.Next(9000, 40_000), < 4 => random.Next(200), _ => random.Next(6000) });
            int recipients = random.Next(1, 4);
            using SpoolTransaction transaction = _spool!.Begin();
            QueueId id = transaction.Id;
            _model.Sent(id, body, recipients);
            for (int at = 0; at < body.Length;)
            {
                int n = Math.Min(4000, body.Length - at);
                body.AsSpan(at, n).CopyTo(transaction.GetSpan(n));
                transaction.Advance(n);
                at += n;
                await transaction.FlushAsync();
            }

            CommitResult result = await transaction.CommitAsync(TestSpool.Envelope([.. Enumerable.Range(0, recipients).Select(static r => $"r{r}@example.net")]), DateTimeOffset.UnixEpoch, null);
            Interlocked.Add(ref _history._full, result.Failure == SpoolFailure.Full ? 1 : 0);
            if (result.Message is not { } message)
            {
                Assert.Equal(SpoolFailure.Full, result.Failure);
                return;
            }

            _model.Acknowledged(id);
            if (result.IsParked)
            {
                Interlocked.Increment(ref _history._parked);
            }
            else
            {
                Give(message);
            }
        }

        private void Say(Random random, bool final, SpooledMessage? message)
        {
            if (message is null)
            {
                return;
            }

            List<int> all = [.. message.Pending().Select(static p => p.Recipient)];
            List<int> some = [.. all.Where(_ => random.Next(3) > 0)];
            _model.Say(message.Id, some, s => final ? s with { IsFinal = true } : s with { Attempts = s.Attempts + 1 }, () => _spool!.Update(message, [.. some.Select(Update)]));
            if (!final || some.Count < all.Count)
            {
                Give(message);
            }

            RecipientUpdate Update(int recipient)
            {
                int attempts = _model.Attempts(message.Id, recipient);
                return final
                    ? new RecipientUpdate(recipient, (RecipientState)random.Next(1, 4), 0, default)
                    : new RecipientUpdate(recipient, RecipientState.Pending, attempts, SpoolModel.Next(message.Id, attempts));
            }
        }

        private void Remove(SpooledMessage? message)
        {
            if (message is not null)
            {
                _model.Say(message.Id, [.. message.Pending().Select(static p => p.Recipient)], static s => s with { IsFinal = true }, () => _spool!.Remove(message));
            }
        }

        private void Read(SpooledMessage? message)
        {
            if (message is not null)
            {
                _model.CheckGiven(new RecoveredMessage(message, message.Pending()), Body(message));
                Give(message);
            }
        }

        private async Task FlushAsync()
        {
            try
            {
                await _model.FlushAsync(() => _spool!.FlushAsync());
            }
            catch (IOException)
            {
                // Full: what it was about may yet be lost.
                Assert.NotEqual(SpoolStatus.Failed, _spool!.Health.Status);
            }
        }

        private void Found(RecoveredMessage message)
        {
            try
            {
                _model.CheckGiven(message, Body(message.Message));
                Give(message.Message);
            }
            catch (Exception e)
            {
                _failure ??= e;
            }
        }

        private byte[] Body(SpooledMessage message)
        {
            using SpoolBody body = _spool!.OpenBody(message);
            byte[] all = new byte[message.Size];
            for (int at = 0, n; at < all.Length; at += n)
            {
                n = body.Read(at, all.AsSpan(at));
                Assert.True(n > 0);
            }

            return all;
        }

        private void Give(SpooledMessage message)
        {
            lock (_live)
            {
                _live.Add(message);
            }
        }

        /// <summary>One of those in memory, for the caller alone.</summary>
        private SpooledMessage? Claim(Random random)
        {
            lock (_live)
            {
                if (_live.Count == 0)
                {
                    return null;
                }

                int at = random.Next(_live.Count);
                SpooledMessage message = _live[at];
                _live[at] = _live[^1];
                _live.RemoveAt(_live.Count - 1);
                return message;
            }
        }

        private int OnCall(string call, string path)
        {
            string? thread = Thread.CurrentThread.Name;
            if (thread == "spool compactor" && call == "sync" && path.EndsWith(".seg", StringComparison.Ordinal))
            {
                _history._copies++;
                // The copies are written, and are not yet the messages.
                for (int i = _diskRandom.Next(3) * 8; i > 0; i--)
                {
                    Say(_diskRandom, final: _diskRandom.Next(4) > 0, Claim(_diskRandom));
                }
            }

            if (_cut is null && (!_cutInBackground || thread is "spool compactor" or "spool upkeep") && ++_calls == _cutAt)
            {
                SpoolModel model = _model.Copy();
                _cut = (_disk.Crash(_diskRandom), model);
            }

            return 0;
        }
    }
}
