using BenchmarkDotNet.Running;

namespace Relay.Bench;

/// <summary>The arguments are BenchmarkDotNet's: <c>--list flat</c>, <c>--filter '*Mail*'</c>, <c>--job short</c>.</summary>
internal static class Program
{
    private static int Main(string[] args)
    {
        BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args, BenchConfig.Default);
        return 0;
    }
}
