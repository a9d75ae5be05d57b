namespace Relay.Tests.Concurrency;

/// <summary>What is wrong with a <see cref="BrokenHandOver{T}"/>.</summary>
public enum HandOverFault
{
    PushesWithoutComparing,
    KeepsTheOldLink,
    TakesWithoutExchange,
}
