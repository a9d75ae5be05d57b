namespace SmtpBlaster.Source;

/// <summary>What one loop of a source counts. One thread writes; added up when it has ended.</summary>
internal sealed class SourceCounters
{
    public long Connections { get; set; }

    /// <summary>Connections that couldn't be made, or were refused before mail could be sent.</summary>
    public long ConnectionsFailed { get; set; }

    /// <summary>Connections that ended in the middle of something.</summary>
    public long ConnectionsLost { get; set; }

    public long Messages { get; set; }

    public long Acknowledged { get; set; }

    public long Transient { get; set; }

    public long Permanent { get; set; }

    /// <summary>Begun, and the connection was lost before the reply: whether the server has it, nobody knows.</summary>
    public long Unanswered { get; set; }

    public long Recipients { get; set; }

    public long RecipientsAcknowledged { get; set; }

    public long Octets { get; set; }

    public void Add(SourceCounters other)
    {
        Connections += other.Connections;
        ConnectionsFailed += other.ConnectionsFailed;
        ConnectionsLost += other.ConnectionsLost;
        Messages += other.Messages;
        Acknowledged += other.Acknowledged;
        Transient += other.Transient;
        Permanent += other.Permanent;
        Unanswered += other.Unanswered;
        Recipients += other.Recipients;
        RecipientsAcknowledged += other.RecipientsAcknowledged;
        Octets += other.Octets;
    }
}
