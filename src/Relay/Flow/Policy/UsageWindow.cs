namespace Relay.Flow.Policy;

/// <summary>
/// Counts what came in the time that lies behind, which moves on with the clock: in pieces, of which the one that goes on is counted beside as many whole ones as make up the time. So the sum is never less than what came in it, and
/// what came is forgotten one piece late at most. Its owner's lock is held for all of it.
/// </summary>
internal sealed class UsageWindow(TimeSpan piece, int pieces)
{
    private readonly int[] _counts = new int[pieces + 1];
    private long _newest;

    public int Total { get; private set; }

    /// <summary>Forgets what is too old by now. A clock that was set back forgets nothing.</summary>
    public void MoveTo(DateTimeOffset now)
    {
        long piece = PieceOf(now);
        if (piece <= _newest)
        {
            return;
        }

        for (long gone = Math.Max(_newest + 1, piece - pieces); gone <= piece; gone++)
        {
            ref int count = ref At(gone);
            Total -= count;
            count = 0;
        }

        _newest = piece;
    }

    public void Add(DateTimeOffset now, int count)
    {
        MoveTo(now);
        At(_newest) += count;
        Total += count;
    }

    /// <summary>When there will be fewer than <paramref name="limit"/>, if nothing more comes: never before the piece that goes on is over.</summary>
    public DateTimeOffset FreeAt(DateTimeOffset now, int limit)
    {
        MoveTo(now);
        int left = Total;
        long at = _newest - pieces;
        for (; at < _newest && left - At(at) >= limit; at++)
        {
            left -= At(at);
        }

        return new DateTimeOffset(Total < limit ? (_newest + 1) * piece.Ticks : (at + pieces + 1) * piece.Ticks, TimeSpan.Zero);
    }

    /// <summary>Pairs of a piece's number and its count, for what is to be kept.</summary>
    public long[] ToPairs()
    {
        var pairs = new List<long>();
        for (long at = _newest - pieces; at <= _newest; at++)
        {
            if (At(at) > 0)
            {
                pairs.Add(at);
                pairs.Add(At(at));
            }
        }

        return [.. pairs];
    }

    /// <summary>Takes what <see cref="ToPairs"/> gave, as far as it isn't too old or of a time to come.</summary>
    public void Restore(ReadOnlySpan<long> pairs, DateTimeOffset now)
    {
        MoveTo(now);
        for (int i = 0; i + 1 < pairs.Length; i += 2)
        {
            if (pairs[i] <= _newest && pairs[i] >= _newest - pieces && pairs[i + 1] is > 0 and < int.MaxValue / 2)
            {
                Total += (int)pairs[i + 1] - At(pairs[i]);
                At(pairs[i]) = (int)pairs[i + 1];
            }
        }
    }

    private long PieceOf(DateTimeOffset time) => time.UtcTicks / piece.Ticks;

    private ref int At(long piece) => ref _counts[((piece % _counts.Length) + _counts.Length) % _counts.Length];
}
