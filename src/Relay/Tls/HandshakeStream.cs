using System.IO.Pipelines;
using Relay.Concurrency;

namespace Relay.Tls;

/// <summary>
/// The stream below a handshake of ours as the server, in which each of its steps waits for a turn. A step begins when something has come from the peer, and ends when the handshake writes or reads on: whoever keeps us waiting has no
/// turn. Behind the handshake it costs nothing. One handshake's.
/// </summary>
internal sealed class HandshakeStream(PipeReader input, PipeWriter output, Turns turns, CancellationToken cancel) : DuplexPipeStream(input, output)
{
    private bool _isOver;
    private bool _hasTurn;

    /// <summary>A step found no turn.</summary>
    public bool WasRefused { get; private set; }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        _isOver ? base.ReadAsync(buffer, cancellationToken) : ReadInTurnAsync(buffer, cancellationToken);

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        EndTurn();
        return base.WriteAsync(buffer, cancellationToken);
    }

    /// <summary>The handshake has ended, one way or another.</summary>
    public void End()
    {
        EndTurn();
        _isOver = true;
    }

    private async ValueTask<int> ReadInTurnAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        EndTurn();
        int length = await base.ReadAsync(buffer, cancellationToken).ConfigureAwait(false);
        if (length > 0)
        {
            _hasTurn = await turns.TryTakeAsync(isExpected: true, cancel).ConfigureAwait(false);
            if (!_hasTurn)
            {
                WasRefused = true;
                throw new IOException("too many handshakes are under way");
            }
        }

        return length;
    }

    private void EndTurn()
    {
        if (_hasTurn)
        {
            _hasTurn = false;
            turns.End();
        }
    }
}
