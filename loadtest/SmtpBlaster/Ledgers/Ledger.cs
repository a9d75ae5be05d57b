namespace SmtpBlaster.Ledgers;

/// <summary>
/// What was promised against what came, for each recipient of a run by its number: two octets each, in memory as numbers come up. The source writes what it sent and was promised, each number from one thread; the sink
/// what arrived, from any.
/// </summary>
internal sealed class Ledger
{
    /// <summary>Beyond, arrivals are counted as untracked: half a gigabyte.</summary>
    public const long MaximumNumber = 1L << 28;

    private const int ChunkBits = 16;
    private const int ChunkSize = 1 << ChunkBits;

    private const byte SentFlag = 1;
    private const byte AckedFlag = 2;

    // Of an arrival's octet: how often, and whether one of them was altered.
    private const byte MostArrivals = 0x7f;
    private const byte AlteredFlag = 0x80;

    private readonly byte[]?[] _promises = new byte[MaximumNumber >> ChunkBits][];
    private readonly byte[]?[] _arrivals = new byte[MaximumNumber >> ChunkBits][];
    private long _highest = -1;
    private long _untracked;
    private long _arrived;
    private long _acked;

    /// <summary>The number of each recipient can be read off its address: what comes for another one's is misdelivered.</summary>
    public bool HasNumberedAddresses { get; init; }

    /// <summary>Recipients that arrived, each counted once.</summary>
    public long Arrived => Interlocked.Read(ref _arrived);

    public long Acked => Interlocked.Read(ref _acked);

    public void Sent(long first, int count)
    {
        for (long number = first; number < first + count && number < MaximumNumber; number++)
        {
            Chunk(_promises, number)[(int)(number & (ChunkSize - 1))] |= SentFlag;
        }

        Raise(first + count - 1);
    }

    public void Acknowledged(long number)
    {
        Interlocked.Increment(ref _acked);
        if (number < MaximumNumber)
        {
            Chunk(_promises, number)[(int)(number & (ChunkSize - 1))] |= AckedFlag;
        }
    }

    /// <summary>Gives how often this one had arrived before.</summary>
    public int Arrive(long number, bool altered)
    {
        if (number is < 0 or >= MaximumNumber)
        {
            Interlocked.Increment(ref _untracked);
            return 0;
        }

        ref byte at = ref Chunk(_arrivals, number)[(int)(number & (ChunkSize - 1))];
        byte before;
        byte after;
        do
        {
            before = Volatile.Read(ref at);
            after = (byte)(((before & MostArrivals) == MostArrivals ? before : before + 1) | (altered ? AlteredFlag : 0));
        }
        while (Interlocked.CompareExchange(ref at, after, before) != before);
        Raise(number);
        int times = before & MostArrivals;
        if (times == 0)
        {
            Interlocked.Increment(ref _arrived);
        }

        return times;
    }

    public LedgerSummary Summarize()
    {
        long sent = 0, acked = 0, arrived = 0, lost = 0, duplicated = 0, copies = 0, altered = 0, ghosts = 0;
        var lostNumbers = new List<long>();
        for (long number = 0; number <= Interlocked.Read(ref _highest) && number < MaximumNumber; number++)
        {
            int chunk = (int)(number >> ChunkBits);
            int index = (int)(number & (ChunkSize - 1));
            byte promise = _promises[chunk]?[index] ?? 0;
            byte arrival = _arrivals[chunk]?[index] ?? 0;
            int times = arrival & MostArrivals;
            bool wasAcked = (promise & AckedFlag) != 0;
            sent += promise & SentFlag;
            acked += wasAcked ? 1 : 0;
            arrived += times > 0 ? 1 : 0;
            duplicated += times > 1 ? 1 : 0;
            copies += Math.Max(0, times - 1);
            altered += (arrival & AlteredFlag) != 0 ? 1 : 0;
            ghosts += times > 0 && !wasAcked ? 1 : 0;
            if (wasAcked && times == 0)
            {
                lost++;
                if (lostNumbers.Count < LedgerSummary.MostNumbers)
                {
                    lostNumbers.Add(number);
                }
            }
        }

        return new LedgerSummary(sent, acked, arrived, lost, duplicated, copies, altered, ghosts, Interlocked.Read(ref _untracked), lostNumbers);
    }

    private static byte[] Chunk(byte[]?[] chunks, long number)
    {
        ref byte[]? chunk = ref chunks[number >> ChunkBits];
        if (Volatile.Read(ref chunk) is not { } there)
        {
            Interlocked.CompareExchange(ref chunk, new byte[ChunkSize], null);
            there = chunk!;
        }

        return there;
    }

    private void Raise(long number)
    {
        long seen = Interlocked.Read(ref _highest);
        while (number > seen)
        {
            long was = Interlocked.CompareExchange(ref _highest, number, seen);
            if (was == seen)
            {
                return;
            }

            seen = was;
        }
    }
}
