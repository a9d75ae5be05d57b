namespace Relay.Flow.Settle;

/// <summary>What an answer was found to be, and by which rule, for whoever asks why; <paramref name="Permanent"/> is null where its code says what it means.</summary>
internal readonly record struct Classification(FailureClass Class, bool? Permanent);
