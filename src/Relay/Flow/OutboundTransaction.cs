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

    /// <summary>Takes the body over: it is disposed with <see cref="End"/>.</summary>
    public void Begin(QueuedMessage message, SpoolBody body, DateTimeOffset started)
    {
        _message = message;
        _body = body;
        Result.Begin(message.Recipients.Length, started);
    }

    public void End()
    {
        _body?.Dispose();
        _body = null;
        _message = null;
    }
}
