using System.Globalization;
using System.Reflection;
using BenchmarkDotNet.Running;

namespace Relay.Bench.Allocations;

/// <summary>
/// Runs benchmarks in this process, briefly, for what they allocate and not for their time: the whole process is measured, because a message passes through threads of its own.
/// So nothing else may be at work in the process, and it must not compile in tiers (code of the first tier boxes what later code doesn't).
/// </summary>
public static class AllocationMeter
{
    private const int WarmUps = 20;
    private const int Rounds = 60;
    private const int MaximumRuns = 1000;
    private static readonly TimeSpan RoundTime = TimeSpan.FromMilliseconds(60);

    /// <summary>Every benchmark there is, one for each combination of its parameters.</summary>
    public static IReadOnlyList<BenchmarkCase> Benchmarks { get; } = [.. typeof(AllocationMeter).Assembly.GetTypes()
        .Where(static t => !t.IsAbstract && t.GetMethods().Any(static m => m.IsDefined(typeof(BenchmarkDotNet.Attributes.BenchmarkAttribute))))
        .OrderBy(static t => t.FullName, StringComparer.Ordinal)
        .SelectMany(static t => BenchmarkConverter.TypeToBenchmarks(t, BenchConfig.Default).BenchmarksCases)];

    /// <summary>The name by which a benchmark is pinned: "CommandParsing.Mail", "DataDecoding.Decode(Text=Lines)".</summary>
    public static string NameOf(BenchmarkCase benchmark)
    {
        string parameters = string.Join(", ", benchmark.Parameters.Items.Select(static p => string.Create(CultureInfo.InvariantCulture, $"{p.Name}={p.Value}")));
        return $"{benchmark.Descriptor.Type.Name}.{benchmark.Descriptor.WorkloadMethod.Name}{(parameters.Length > 0 ? $"({parameters})" : "")}";
    }

    /// <summary>
    /// Bytes that one operation allocates, whole bytes: the least of several rounds, because what else the process does only adds to it. There is no further round once one has kept to
    /// <paramref name="allowed"/>.
    /// </summary>
    public static long Measure(BenchmarkCase benchmark, long allowed)
    {
        Descriptor descriptor = benchmark.Descriptor;
        object instance = Activator.CreateInstance(descriptor.Type)!;
        foreach (var parameter in benchmark.Parameters.Items)
        {
            descriptor.Type.GetProperty(parameter.Name)!.SetValue(instance, parameter.Value);
        }

        descriptor.GlobalSetupMethod?.Invoke(instance, null);
        try
        {
            Action prepare = descriptor.IterationSetupMethod is { } method ? method.CreateDelegate<Action>(instance) : static () => { };
            return Measure(prepare, Callable(instance, descriptor.WorkloadMethod), descriptor.OperationsPerInvoke, allowed);
        }
        finally
        {
            descriptor.GlobalCleanupMethod?.Invoke(instance, null);
        }
    }

    private static long Measure(Action prepare, Action run, int operations, long allowed)
    {
        for (int i = 0; i < WarmUps; i++)
        {
            prepare();
            run();
        }

        long least = long.MaxValue;
        for (int round = 0; round < Rounds && least > allowed; round++)
        {
            int runs = 0;
            long bytes = 0;
            long start = TimeProvider.System.GetTimestamp();
            do
            {
                prepare();
                long before = GC.GetTotalAllocatedBytes(precise: true);
                run();
                bytes += GC.GetTotalAllocatedBytes(precise: true) - before;
                runs++;
            }
            while (runs < MaximumRuns && TimeProvider.System.GetElapsedTime(start) < RoundTime);

            least = Math.Min(least, bytes / ((long)runs * operations));
        }

        return least;
    }

    /// <summary>The benchmark as a delegate: reflection would box what it returns.</summary>
    private static Action Callable(object instance, MethodInfo method) => method.ReturnType == typeof(void)
        ? method.CreateDelegate<Action>(instance)
        : (Action)typeof(AllocationMeter).GetMethod(nameof(Forget), BindingFlags.NonPublic | BindingFlags.Static)!.MakeGenericMethod(method.ReturnType).Invoke(null, [instance, method])!;

    private static Action Forget<T>(object instance, MethodInfo method)
    {
        Func<T> run = method.CreateDelegate<Func<T>>(instance);
        return () => run();
    }
}
