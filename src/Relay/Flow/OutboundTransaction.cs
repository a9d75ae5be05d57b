using Relay.Protocol.Smtp;
using Relay.Spool;

namespace Relay.Flow;

/// <summary>
/// One message on its way over a connection: the message, its content, and what came of it. Its owner uses it again for the next message; one owner at a time.
/// </summary>
internal sealed class OutboundTransaction
{
    private QueuedMessage? _message;
    private SpoolBody? _body;

    public QueuedMessage Message => _message ?? throw new InvalidOperationException("The transaction has ended.");

    public SpoolBody Body => _body ?? throw new InvalidOperationException("The transaction has ended.");

    public AttemptResult Result { get; } = new();

    /// <summary>When it began, for the limit of its site.</summary>
    public int Epoch { get; set; }

    /// <summary>
    /// Why the last host can't be given the message at all, as it lacks an extension that the message needs or takes none so large: another host may. When none of them can, this is everyone's outcome, and final.
    /// Null otherwise.
    /// </summary>
    public PeerReply? HostRefusal { get; set; }

    /// <summary>The most recipients that go together.</summary>
    public int RecipientLimit { get; private set; }

    /// <summary>Takes the body over: it is disposed with <see cref="End"/>.</summary>
    public void Begin(QueuedMessage message, SpoolBody body, int recipientLimit, DateTimeOffset started)
    {
        RecipientLimit = recipientLimit;
        _message = message;
        _body = body;
        HostRefusal = null;
        Result.Begin(message.Recipients.Length, started);
    }

    public void End()
    {
        _body?.Dispose();
        _body = null;
        _message = null;
    }
}
