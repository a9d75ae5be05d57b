namespace Relay.Spool;

/// <summary>
/// What became of one recipient (its place in the envelope). Attempts and next time matter only while it is pending. <paramref name="Turn"/> counts what an operator said since the last attempt: of two with as many
/// attempts the later one holds, in whatever order their records are read.
/// </summary>
internal readonly record struct RecipientUpdate(int Recipient, RecipientState State, int Attempts, DateTimeOffset NextAttempt, ushort Turn = 0)
{
    // The last times there are; see RecipientOrder.
    private static readonly long LastTick = DateTime.MaxValue.Ticks;

    internal static RecipientOrder OrderOf(long nextAttempt) => LastTick - nextAttempt is var left and < 3 ? (RecipientOrder)(left + 1) : RecipientOrder.None;

    /// <summary>The time that stands for an order; there has to be one.</summary>
    internal static DateTimeOffset TimeOf(RecipientOrder order) => new(LastTick - ((int)order - 1), TimeSpan.Zero);
}
