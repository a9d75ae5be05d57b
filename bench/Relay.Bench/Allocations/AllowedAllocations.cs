using System.Text.Json;

namespace Relay.Bench.Allocations;

/// <summary>The pins: how many bytes one operation of each benchmark may allocate. They stand in bench/allocations.json, which is copied beside the program.</summary>
public static class AllowedAllocations
{
    /// <summary>By the benchmark's name, as <see cref="AllocationMeter.NameOf"/> gives it.</summary>
    public static IReadOnlyDictionary<string, long> Bytes { get; } =
        JsonSerializer.Deserialize<Dictionary<string, long>>(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "allocations.json")))!;

    /// <summary>Null when a benchmark keeps to its pin, or the fault in one line; to have no pin is a fault too.</summary>
    public static string? Fault(string name, long measured) => !Bytes.TryGetValue(name, out long allowed) ? $"{name} allocates {measured} B and has no line in bench/allocations.json"
        : measured > allowed ? $"{name} allocates {measured} B, {allowed} B are allowed"
        : null;

    /// <summary>Lines of the file that no benchmark answers to any more.</summary>
    public static IReadOnlyList<string> Orphans() => [.. Bytes.Keys.Except(AllocationMeter.Benchmarks.Select(AllocationMeter.NameOf))];
}
