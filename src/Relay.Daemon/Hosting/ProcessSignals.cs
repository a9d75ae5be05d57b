using System.Runtime.InteropServices;
using System.Threading.Channels;

namespace Relay.Daemon.Hosting;

/// <summary>
/// Signals as something to wait for: SIGHUP asks for a reload, SIGTERM and SIGINT for the end.
/// </summary>
internal sealed class ProcessSignals : IDisposable
{
    // Two hang-ups before the reload began are one.
    private readonly Channel<bool> _reload = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite, SingleReader = true });
    private readonly PosixSignalRegistration[] _registrations;

    public ProcessSignals()
    {
        _registrations =
        [
            PosixSignalRegistration.Create(PosixSignal.SIGHUP, signal => Handle(signal, () => _reload.Writer.TryWrite(true))),
            PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal => Handle(signal, () => _reload.Writer.TryComplete())),
            PosixSignalRegistration.Create(PosixSignal.SIGINT, signal => Handle(signal, () => _reload.Writer.TryComplete())),
        ];
    }

    /// <summary>True when a reload is wanted, false when the end is. As long as neither comes, there is nothing to do but wait.</summary>
    public async Task<bool> WaitForReloadAsync() => await _reload.Reader.WaitToReadAsync().ConfigureAwait(false) && _reload.Reader.TryRead(out _);

    public void Dispose()
    {
        foreach (PosixSignalRegistration registration in _registrations)
        {
            registration.Dispose();
        }
    }

    private static void Handle(PosixSignalContext signal, Action act)
    {
        signal.Cancel = true;
        act();
    }
}
