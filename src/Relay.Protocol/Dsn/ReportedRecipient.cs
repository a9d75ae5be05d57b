using Relay.Protocol.Smtp;

namespace Relay.Protocol.Dsn;

/// <summary>
/// What became of one recipient. <see cref="Reply"/> is the server's last word when there was one, <see cref="RemoteHost"/> the server that said it. Where <see cref="Status"/> is absent the reply's own stands in.
/// </summary>
public readonly record struct ReportedRecipient(string Address, ReportAction Action, EnhancedStatusCode Status, PeerReply? Reply = null, string? RemoteHost = null)
{
    /// <summary>ORCPT (RFC 3461 §4.2) as it came, "type;xtext", when it came.</summary>
    public string? OriginalRecipient { get; init; }

    /// <summary>RFC 3464 §2.3.4 wants a status for every recipient: ours, the server's, or the class of what the server said.</summary>
    internal EnhancedStatusCode EffectiveStatus
    {
        get
        {
            bool isGood = Action is ReportAction.Relayed or ReportAction.Delivered;
            byte plain = isGood ? (byte)2 : Action == ReportAction.Delayed ? (byte)4 : (byte)5;
            return Status.IsPresent ? Status
                : Reply is not { } reply ? new EnhancedStatusCode(plain, 0, 0)
                : isGood == reply.Enhanced.Class is 2 && reply.Enhanced.Class is 2 or 4 or 5 ? reply.Enhanced
                : new EnhancedStatusCode(!isGood && reply.IsTransient ? (byte)4 : plain, 0, 0);
        }
    }
}
