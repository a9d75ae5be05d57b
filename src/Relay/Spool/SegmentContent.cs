namespace Relay.Spool;

/// <summary>What one segment says by itself: the result of reading it, or its index.</summary>
internal sealed class SegmentContent
{
    /// <summary>The messages whose records are here and that nothing in this segment ends, with the state that this segment gives them, in the order of their records.</summary>
    internal List<SpooledMessage> Messages { get; } = [];

    /// <summary>What is said here of messages whose records are elsewhere.</summary>
    internal List<Statement> Statements { get; } = [];

    /// <summary>Up to where the first marker says that the log was durable before: in an older segment, unless this segment holds copies.</summary>
    internal LogPosition Before { get; set; }

    /// <summary>The end of the last batch that counts; 0 when there is none.</summary>
    internal long End { get; set; }

    internal ulong LastId { get; set; }

    internal ulong LastSequence { get; set; }

    /// <summary>There is a record of the segment's generation.</summary>
    internal bool Any { get; set; }

    /// <summary>Records that are whole, whether they count or not.</summary>
    internal long Records { get; set; }

    /// <summary>Records behind the last batch that counts: never acknowledged.</summary>
    internal int Torn { get; set; }

    internal List<DamagedRange> Damage { get; } = [];

    /// <summary>The first octets that couldn't be read, and why.</summary>
    internal (long Offset, int Error)? Unreadable { get; set; }

    /// <summary>All of it could be read and made sense.</summary>
    internal bool IsWhole => Damage.Count == 0 && Unreadable is null;
}
