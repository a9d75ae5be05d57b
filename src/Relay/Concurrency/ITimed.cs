namespace Relay.Concurrency;

/// <summary>An item that waits in a <see cref="TimerWheel{T}"/>.</summary>
internal interface ITimed
{
    long DueTick { get; }
}
