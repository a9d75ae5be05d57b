using BenchmarkDotNet.Running;
using Relay.Bench.Allocations;
using Relay.Bench.Spool;

namespace Relay.Bench;

/// <summary>
/// <c>allocations</c> measures in a few seconds what every benchmark allocates and compares it with the pins; exit status 1 says that one has grown.
/// <c>spool FOLDER</c> measures the rate of commits on the disk of a folder; bench/spool.sh makes such a disk.
/// All other arguments are BenchmarkDotNet's: <c>--list flat</c>, <c>--filter '*Mail*'</c>, <c>--job short</c>.
/// </summary>
internal static class Program
{
    private static async Task<int> Main(string[] args)
    {
        if (args is ["allocations"])
        {
            return CompareAllocations();
        }

        if (args is ["spool", string folder])
        {
            await SpoolRate.RunAsync(folder).ConfigureAwait(false);
            return 0;
        }

        BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args, BenchConfig.Default);
        return 0;
    }

    private static int CompareAllocations()
    {
        var faults = new List<string>();
        foreach (BenchmarkCase benchmark in AllocationMeter.Benchmarks)
        {
            string name = AllocationMeter.NameOf(benchmark);
            long bytes = AllocationMeter.Measure(benchmark, AllowedAllocations.Bytes.GetValueOrDefault(name));
            Console.WriteLine($"  \"{name}\": {bytes},");
            if (AllowedAllocations.Fault(name, bytes) is { } fault)
            {
                faults.Add(fault);
            }
        }

        faults.AddRange(AllowedAllocations.Orphans().Select(static name => $"{name} stands in bench/allocations.json and is no benchmark"));
        faults.ForEach(Console.Error.WriteLine);
        return faults.Count == 0 ? 0 : 1;
    }
}
