namespace Relay.EndToEnd.Tests.Harness;

/// <summary>Tests that load the machine, or whose figures and deadlines mean something only while nothing else does: they run one by one, when all others have ended.</summary>
[CollectionDefinition(DisableParallelization = true)]
public sealed class Alone;
