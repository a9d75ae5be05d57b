using Relay.Concurrency;
using Relay.Protocol.Sasl;

namespace Relay.Flow.Policy;

/// <summary>
/// Holds passwords against verifiers, which takes milliseconds of a processor each: on threads of its own, so that sessions that move mail don't wait for it, few at a time, and with a bound on how many wait and for how long.
/// One for all listeners; any thread.
/// </summary>
internal sealed class PasswordWork(TimeProvider time)
{
    /// <summary>Whoever guesses passwords gets no more of the machine than that.</summary>
    private const int AtATime = 2;

    private const int MostWaiting = 200;

    /// <summary>Then the client is told to come again later.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly Turns _turns = new(AtATime, MostWaiting, Patience, time);

    /// <summary>A password is being looked at, or waits for that.</summary>
    public bool IsBusy => _turns.IsBusy;

    /// <summary>Whether the password is right; null when there is too much to do, or <paramref name="cancel"/> came first. The password has to stay there until the task is done.</summary>
    public async ValueTask<bool?> MatchesAsync(ScramVerifier verifier, ReadOnlyMemory<byte> password, CancellationToken cancel)
    {
        if (!await _turns.TryTakeAsync(isExpected: false, cancel).ConfigureAwait(false))
        {
            return null;
        }

        try
        {
            // A thread of its own: it costs a hundredth of what it is for.
            return await Task.Factory.StartNew(() => verifier.Matches(password.Span), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).ConfigureAwait(false);
        }
        finally
        {
            _turns.End();
        }
    }
}
