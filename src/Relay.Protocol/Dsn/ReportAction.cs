namespace Relay.Protocol.Dsn;

/// <summary>What became of a recipient (RFC 3464 §2.3.3).</summary>
public enum ReportAction
{
    /// <summary>It is given up.</summary>
    Failed,

    /// <summary>It is late and still tried.</summary>
    Delayed,

    /// <summary>It was handed to a server that doesn't tell what becomes of it.</summary>
    Relayed,

    /// <summary>It is in its mailbox.</summary>
    Delivered,
}
