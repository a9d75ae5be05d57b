namespace Relay.Flow.Send;

/// <summary>The address that answered and the connection to it, or, with <see cref="Failure"/>, why none did.</summary>
internal readonly record struct RaceResult(ConnectionKey Winner, Dialed Dialed, Exception? Failure);
