using Relay.Protocol.Smtp;

namespace Relay.Protocol.Dsn;

/// <summary>
/// A recipient that a message will not reach, and why. <see cref="Reply"/> is the server's last word when there was one, <see cref="RemoteHost"/> the server that said it;
/// <see cref="Explanation"/> is ours, for the reader. Where <see cref="Status"/> is absent the reply's own stands in.
/// </summary>
public readonly record struct FailedRecipient(string Address, EnhancedStatusCode Status, string Explanation, PeerReply? Reply = null, string? RemoteHost = null)
{
    /// <summary>RFC 3464 §2.3.4 wants a status for every recipient: ours, the server's, or the class of what the server said.</summary>
    internal EnhancedStatusCode EffectiveStatus => Status.IsPresent ? Status
        : Reply is not { } reply ? new EnhancedStatusCode(5, 0, 0)
        : reply.Enhanced.Class is 4 or 5 ? reply.Enhanced
        : new EnhancedStatusCode(reply.IsTransient ? (byte)4 : (byte)5, 0, 0);
}
