namespace Relay.Flow.Send;

/// <summary>A reply that is still to come: to what, in which transaction, and, when it answers RCPT, for which of the message's recipients.</summary>
internal readonly record struct AwaitedReply(TransactionPart Part, SmtpPhase Phase, int Recipient)
{
    public TimeSpan TimeoutIn(DeliveryTimeouts timeouts) => Phase switch
    {
        SmtpPhase.Data => timeouts.Data,
        SmtpPhase.End => timeouts.EndOfData,
        _ => timeouts.Command,
    };
}
