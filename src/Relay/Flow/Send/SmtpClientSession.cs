namespace Relay.Flow.Send;

/// <summary>
/// How mail is sent over a connection, as the client (RFC 5321 §3.3), or to a delivery agent by LMTP (RFC 2033). Neither adds to the message nor takes from it: Return-Path is the delivery agent's to set (RFC 5321
/// §4.4), and one that came in stays. <paramref name="pipelineDepth"/>: so many transactions may be unanswered at once, which bounds the copies that a lost connection makes; 1 waits for the reply to each
/// message. Stateless; any thread.
/// </summary>
internal sealed class SmtpClientSession(DeliveryTimeouts timeouts, TimeProvider time, RecentHosts distrust, int pipelineDepth = SmtpClientSession.DefaultPipelineDepth)
{
    public const int DefaultPipelineDepth = 8;

    public DeliveryTimeouts Timeouts => timeouts;

    public TimeProvider Time => time;

    public RecentHosts Distrust => distrust;

    public int PipelineDepth => pipelineDepth;

    /// <summary>
    /// Sends what <paramref name="source"/> gives over the connection, until it gives none and all is answered: null, and the connection says itself whether it can be used again. Otherwise the failure that ended
    /// the connection: what wasn't handed over by then was given back, and what may have arrived was put off. What throws is a fault of ours: the connection is broken, and what
    /// <paramref name="source"/> gave and didn't get back is its own to deal with.
    /// </summary>
    public ValueTask<AttemptFailure?> RunAsync(OutboundConnection connection, ITransactionSource source) =>
        (connection.Pipeline ??= new SmtpPipeline(connection)).RunAsync(this, source);
}
