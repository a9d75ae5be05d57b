namespace Relay.Flow.Send;

/// <summary>What a reply of the server answers.</summary>
internal enum SmtpPhase : byte
{
    Reset,
    Mail,
    Recipient,
    Data,

    /// <summary>The final dot, or the last chunk.</summary>
    End,
}
