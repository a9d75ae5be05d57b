using Xunit.Sdk;
using Xunit.v3;

namespace Relay.EndToEnd.Tests.Harness;

/// <summary>Has the classes that take longest begin first, so that none of them is left running by itself at the end.</summary>
public sealed class LongestFirst : ITestCollectionOrderer
{
    private static readonly string[] Long =
    [
        nameof(NetworkTroubleTests), nameof(NextHopTests), nameof(KillSweepTests), nameof(DovecotTests), nameof(PostfixTests), nameof(SubmissionTests), nameof(TlsListenerTests), nameof(MilterTests), nameof(DovecotLoginTests),
        nameof(DkimTests), nameof(CrashTests), nameof(DiskFaultTests), nameof(LoginClientTests), nameof(BanTests), nameof(DsnTests), nameof(PowerCutTests),
    ];

    public IReadOnlyCollection<TTestCollection> OrderTestCollections<TTestCollection>(IReadOnlyCollection<TTestCollection> testCollections)
        where TTestCollection : ITestCollection => [.. testCollections.OrderBy(static c => Place(c.TestCollectionDisplayName))];

    /// <summary>xUnit names the collection of a class after it, with more behind.</summary>
    private static int Place(string name) => Array.FindIndex(Long, l => name.Contains($".{l} ", StringComparison.Ordinal)) is var place and >= 0 ? place : Long.Length;
}
