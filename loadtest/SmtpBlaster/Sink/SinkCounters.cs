namespace SmtpBlaster.Sink;

/// <summary>What one loop of a sink counts. One thread writes; others may read a moment late.</summary>
internal sealed class SinkCounters
{
    public long Connections { get; set; }

    public long ConnectionsRefused { get; set; }

    /// <summary>Connections that ended in the middle of a command or a message.</summary>
    public long ConnectionsLost { get; set; }

    public long Messages { get; set; }

    public long Recipients { get; set; }

    public long Octets { get; set; }

    /// <summary>Messages without a marker of ours.</summary>
    public long Unmarked { get; set; }

    /// <summary>Messages whose body isn't the one that was sent.</summary>
    public long Altered { get; set; }

    /// <summary>Recipients that had arrived before.</summary>
    public long Duplicates { get; set; }

    /// <summary>Times that a connection had to wait because the process had no file descriptor for it.</summary>
    public long OutOfFiles { get; set; }

    public void Add(SinkCounters other)
    {
        Connections += other.Connections;
        ConnectionsRefused += other.ConnectionsRefused;
        ConnectionsLost += other.ConnectionsLost;
        Messages += other.Messages;
        Recipients += other.Recipients;
        Octets += other.Octets;
        Unmarked += other.Unmarked;
        Altered += other.Altered;
        Duplicates += other.Duplicates;
        OutOfFiles += other.OutOfFiles;
    }
}
