using Microsoft.Extensions.Logging;
using Relay.Protocol.Message;

namespace Relay.Spool;

/// <summary>
/// Group commit. One thread takes all transactions that are ready and all settlements, writes them as a batch, syncs once, and lets the sessions go on.
/// What arrives meanwhile is the next batch: no delay is made. Each transaction that was taken is finished exactly once, whatever happens.
/// </summary>
internal sealed class Committer(
    CommitQueue queue, SpoolFiles files, BatchWriter writer, SegmentStore segments, SpoolTail tail, SpoolCondition condition, QueueIds ids, TimeProvider time, Action<SpoolBatch>? observer, ILogger log)
{
    // A batch is synced when it is this long, so that the first in it don't wait for the last of a great crowd.
    private const long LongestBatch = 8 * 1024 * 1024;

    // Settlements that can't be written for want of space are kept up to here.
    private const int MostSettlements = 64 * 1024 * 1024;

    // A thread-pool work item lets this many sessions go on: fewer items to queue, and still little for one to wait behind another.
    private const int Chain = 4;

    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    // What was taken from the queue, the transactions in the batch that is being written, the settlements that are not durable, and how far they are in the batch.
    private List<SpoolTransaction> _taken = [];
    private List<TaskCompletionSource> _takenFlushes = [];
    private readonly List<SpoolTransaction> _open = [];
    private readonly SettlementBuffer _owed = new();
    private readonly List<QueueId> _bodies = [];
    private int _owedInBatch;
    private int _parkedInBatch;
    private bool _filesInBatch;
    private long _parkedFrom;
    private QueueId _parkedLowest;
    private QueueId _parkedHighest;
    private SpoolFailure _passFailure;

    /// <summary>Completes when the queue has been stopped and all that could be written is.</summary>
    internal Task Ended => _ended.Task;

    internal void Start() => new Thread(Run) { IsBackground = true, Name = "spool committer" }.Start();

    private void Run()
    {
        while (queue.Take(ref _taken, _owed, ref _takenFlushes))
        {
            _passFailure = SpoolFailure.None;
            WriteSettlements();
            foreach (SpoolTransaction transaction in _taken)
            {
                WriteMessage(transaction);
            }

            CloseBatch();
            _taken.Clear();
            EndFlushes();
        }

        _ended.SetResult();
    }

    private void WriteSettlements()
    {
        if (condition.IsFailed)
        {
            _owed.Clear();
            return;
        }

        while (_owed.TryRead(_owedInBatch, out RecordType type, out ReadOnlySpan<byte> fields, out _))
        {
            if (!FindRoom(RecordHeader.PaddedLength(fields.Length, 0), mayUseReserve: true))
            {
                if (_owed.Length > MostSettlements)
                {
                    SpoolLog.SettlementsForgotten(log, _owed.Length);
                    _owed.Clear();
                }

                return;
            }

            // Finding room may have ended a batch and dropped what was in it.
            _owed.TryRead(_owedInBatch, out type, out fields, out int next);
            writer.Add(type, fields, [], []);
            writer.Segment!.Speaks(RecordFields.ReadSubjectSegment(fields), RecordHeader.PaddedLength(fields.Length, 0));
            _owedInBatch = next;
        }
    }

    private void WriteMessage(SpoolTransaction transaction)
    {
        SpoolFailure answer = condition.Answer(transaction.MayUseReserve);
        if (answer == SpoolFailure.None && !FindRoom(transaction.RecordLength, transaction.MayUseReserve))
        {
            answer = _passFailure != SpoolFailure.None ? _passFailure : condition.IsFailed ? SpoolFailure.Failed : SpoolFailure.Full;
        }

        if (answer != SpoolFailure.None)
        {
            transaction.Finish(answer);
            return;
        }

        bool parked = tail.ParksNext();
        long offset = transaction.WriteTo(writer, parked);
        if (parked)
        {
            bool first = _parkedInBatch++ == 0;
            _parkedFrom = first ? offset : _parkedFrom;
            _parkedLowest = first || transaction.Id < _parkedLowest ? transaction.Id : _parkedLowest;
            _parkedHighest = first || transaction.Id > _parkedHighest ? transaction.Id : _parkedHighest;
        }

        _filesInBatch |= transaction.HasOwnFile;
        _open.Add(transaction);
        if (writer.Length >= LongestBatch)
        {
            CloseBatch();
        }
    }

    /// <summary>Makes sure the record fits where the batch stands, if need be by ending the batch and going on in the next segment.</summary>
    private bool FindRoom(long recordLength, bool mayUseReserve)
    {
        if (_passFailure != SpoolFailure.None)
        {
            return false;
        }

        if (writer.HasRoom(recordLength))
        {
            return true;
        }

        CloseBatch();
        if (_passFailure != SpoolFailure.None || segments.Take(mayUseReserve) is not { } segment)
        {
            return false;
        }

        writer.Use(segment);
        return true;
    }

    private void CloseBatch()
    {
        if (writer.Segment is null || writer.Length == 0)
        {
            return;
        }

        long length = writer.Length;
        Segment segment = writer.Segment;
        long start = time.GetTimestamp();
        string step = "syncing the folder";
        // The names of bodies' own files come before the records that rely on them: a batch counts with its marker, which is still to be written.
        int error = _filesInBatch ? files.SyncFolder() : 0;
        error = error != 0 ? writer.Drop(error) : writer.Finish(ids.Last, out step);
        if (error == 0)
        {
            int settlements = _owed.Drop(_owedInBatch, _bodies);
            if (_bodies.Count > 0)
            {
                segments.Unlink(_bodies);
                _bodies.Clear();
            }

            if (_parkedInBatch > 0)
            {
                tail.Add(segment, _parkedFrom, writer.Position, _parkedInBatch, _parkedLowest, _parkedHighest);
            }

            TimeSpan slowest = _open.Count > 0 ? time.GetElapsedTime(_open[0].EnqueuedAt) : TimeSpan.Zero;
            observer?.Invoke(new SpoolBatch(_open.Count, settlements, length, time.GetElapsedTime(start), slowest));
            for (int i = 0; i < _open.Count; i += Chain)
            {
                SpoolTransaction.Finish(_open, i, Math.Min(Chain, _open.Count - i));
            }
        }
        else
        {
            _passFailure = Errno.IsSpace(error) ? SpoolFailure.Full : SpoolFailure.Failed;
            if (_passFailure == SpoolFailure.Failed)
            {
                condition.Fail($"{step}: {Errno.Text(error)}");
            }

            foreach (SpoolTransaction transaction in _open)
            {
                transaction.Withdraw();
                transaction.Finish(_passFailure);
            }

            if (_parkedInBatch > 0)
            {
                tail.Drop();
            }

            segments.Emptied(segment);
        }

        _owedInBatch = _parkedInBatch = 0;
        _filesInBatch = false;
        _open.Clear();
    }

    private void EndFlushes()
    {
        foreach (TaskCompletionSource flush in _takenFlushes)
        {
            if (condition.IsFailed)
            {
                flush.SetException(new IOException(condition.Health.Reason));
            }
            else if (!_owed.IsEmpty)
            {
                flush.SetException(new IOException("the spool is full"));
            }
            else
            {
                flush.SetResult();
            }
        }

        _takenFlushes.Clear();
    }
}
