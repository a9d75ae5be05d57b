using System.Buffers;

namespace Relay.Dkim;

/// <summary>Gives out what signs a message, and takes it back: there are as many as messages are signed at a time, and no session that is idle has one. Any thread.</summary>
internal sealed class MessageSigner(DkimKeys keys) : IDisposable
{
    /// <summary>More are made when they are wanted, and not kept.</summary>
    private const int Kept = 64;

    private readonly Stack<MessageSigning> _free = new();
    private volatile DkimKeys _keys = keys;
    private bool _disposed;

    /// <summary>Messages that begin from now on are signed with these.</summary>
    public void Apply(DkimKeys keys) => _keys = keys;

    /// <summary>Null when nothing is signed: no key is configured. What is written there goes to <paramref name="inner"/>.</summary>
    public MessageSigning? Begin(IBufferWriter<byte> inner)
    {
        DkimKeys keys = _keys;
        if (keys.IsEmpty)
        {
            return null;
        }

        MessageSigning? signing;
        lock (_free)
        {
            _free.TryPop(out signing);
        }

        signing ??= new MessageSigning();
        signing.Begin(keys, inner);
        return signing;
    }

    public void Return(MessageSigning signing)
    {
        signing.Reset();
        lock (_free)
        {
            if (!_disposed && _free.Count < Kept)
            {
                _free.Push(signing);
                return;
            }
        }

        signing.Dispose();
    }

    public void Dispose()
    {
        lock (_free)
        {
            _disposed = true;
            while (_free.TryPop(out MessageSigning? signing))
            {
                signing.Dispose();
            }
        }
    }
}
