using System.Globalization;

namespace Relay.Fuzz;

/// <summary>
/// <c>Relay.Fuzz [TARGET|all] [--seconds N] [--runs N] [--seed N]</c> fuzzes each target for so long, or so often; <c>Relay.Fuzz replay TARGET FILE</c> gives one input to a target.
/// A finding is written to a file, with the command that replays it. Exit status 1: there are findings. 2: the arguments are wrong.
/// </summary>
internal static class Program
{
    private const int DefaultSeconds = 60;

    private static int Main(string[] args)
    {
        if (args is ["replay", var name, var file])
        {
            return FuzzTarget.All.FirstOrDefault(t => t.Name == name) is { } one ? Replay(one, file) : Usage();
        }

        string chosen = "all";
        int? seconds = null;
        long runs = long.MaxValue;
        int seed = 1;
        for (int i = 0; i < args.Length; i++)
        {
            bool option = args[i].StartsWith("--", StringComparison.Ordinal);
            long number = 0;
            if (option && (i + 1 == args.Length || !long.TryParse(args[i + 1], NumberStyles.None, CultureInfo.InvariantCulture, out number)))
            {
                return Usage();
            }

            switch (args[i])
            {
                case "--seconds":
                    seconds = (int)Math.Min(number, int.MaxValue);
                    break;
                case "--runs":
                    runs = number;
                    break;
                case "--seed":
                    seed = (int)(number & int.MaxValue);
                    break;
                default:
                    chosen = args[i];
                    break;
            }

            i += option ? 1 : 0;
        }

        FuzzTarget[] targets = [.. FuzzTarget.All.Where(t => chosen == "all" || t.Name == chosen)];
        if (targets.Length == 0)
        {
            return Usage();
        }

        TimeSpan time = runs < long.MaxValue && seconds is null ? TimeSpan.MaxValue : TimeSpan.FromSeconds(seconds ?? DefaultSeconds);
        int findings = 0;
        foreach (FuzzTarget target in targets)
        {
            FuzzResult result = new Fuzzer(target, seed).Run(runs, time);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{target.Name,-12} {result.Executions,12} executions {result.Executions / Math.Max(result.Time.TotalSeconds, 0.001),10:0}/s {result.Outcomes,6} outcomes {result.Findings.Count,4} findings"));
            findings += result.Findings.Count;
            foreach (Finding finding in result.Findings)
            {
                Report(finding);
            }
        }

        return findings == 0 ? 0 : 1;
    }

    private static void Report(Finding finding)
    {
        string folder = Directory.CreateDirectory(Path.Combine("artifacts", "fuzz")).FullName;
        string file = Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{finding.Target}-{Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(finding.Input))[..12]}"));
        File.WriteAllBytes(file, finding.Input);
        Console.WriteLine($"  {finding.Failure}\n  dotnet run -c Release --project tests/Relay.Fuzz -- replay {finding.Target} {file}");
    }

    private static int Replay(FuzzTarget target, string file)
    {
        string? failure = Fuzzer.Failure(target, File.ReadAllBytes(file), out _);
        Console.WriteLine(failure ?? "no finding");
        return failure is null ? 0 : 1;
    }

    private static int Usage()
    {
        Console.Error.WriteLine($"Relay.Fuzz [TARGET|all] [--seconds N] [--runs N] [--seed N]\nRelay.Fuzz replay TARGET FILE\ntargets: {string.Join(' ', FuzzTarget.All.Select(static t => t.Name))}");
        return 2;
    }
}
