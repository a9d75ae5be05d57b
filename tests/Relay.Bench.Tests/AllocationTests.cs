using BenchmarkDotNet.Running;
using Relay.Bench.Allocations;
using Xunit.Sdk;
using Xunit.v3;

// The whole process is measured: nothing else may be at work in it.
[assembly: Parallelization(Mode = ParallelMode.None)]

namespace Relay.Bench.Tests;

/// <summary>Every benchmark in its short form, against the bytes that bench/allocations.json allows it.</summary>
public class AllocationTests
{
    private static readonly Dictionary<string, BenchmarkCase> Cases = AllocationMeter.Benchmarks.ToDictionary(AllocationMeter.NameOf);

    public static TheoryData<string> Benchmarks => [.. Cases.Keys];

    [Theory]
    [MemberData(nameof(Benchmarks))]
    public void No_benchmark_allocates_more_than_its_pin_allows(string name) =>
        Assert.Null(AllowedAllocations.Fault(name, AllocationMeter.Measure(Cases[name], AllowedAllocations.Bytes.GetValueOrDefault(name))));

    [Fact]
    public void Every_pin_has_its_benchmark() => Assert.Empty(AllowedAllocations.Orphans());
}
