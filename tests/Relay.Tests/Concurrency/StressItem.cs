using Relay.Concurrency;

namespace Relay.Tests.Concurrency;

/// <summary>The so-and-so-manieth item of one producer.</summary>
internal sealed class StressItem : ILinked<StressItem>
{
    public int Producer { get; init; }

    public int Number { get; init; }

    public StressItem? Next { get; set; }
}
