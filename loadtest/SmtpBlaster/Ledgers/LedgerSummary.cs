namespace SmtpBlaster.Ledgers;

/// <summary>
/// A ledger's sums, in recipients. Lost: acknowledged to the source and never arrived. Duplicated: arrived more than once, by so many copies more. Altered: arrived at least once with another body than was sent. Ghosts: arrived
/// although no acknowledgement reached the source, which SMTP can't rule out (RFC 1047). Untracked: beyond what the ledger has room for.
/// </summary>
internal sealed record LedgerSummary(long Sent, long Acknowledged, long Arrived, long Lost, long Duplicated, long Copies, long Altered, long Ghosts, long Untracked, IReadOnlyList<long> LostNumbers)
{
    /// <summary>So many of the lost are named.</summary>
    public const int MostNumbers = 20;

    public bool IsClean => Lost == 0 && Altered == 0;
}
