namespace Relay.Flow.Accept;

/// <summary>How reading a message ended.</summary>
internal enum ReceiveStatus
{
    Complete,

    /// <summary>Larger than allowed; read to its end and thrown away.</summary>
    TooBig,

    /// <summary>Far larger than allowed and still going on.</summary>
    Endless,

    /// <summary>In very many very small chunks.</summary>
    Crumbs,

    /// <summary>The client went before the end: nothing was received (RFC 5321 §4.1.1.4).</summary>
    Disconnected,

    TimedOut,
}
