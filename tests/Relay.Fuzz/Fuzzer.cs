namespace Relay.Fuzz;

/// <summary>
/// Runs one target: its seeds first, then what the mutator makes of them. An input with a new kind of outcome joins the pool that inputs are made from. The same seed and number
/// of runs give the same run; of failures that read alike one is kept.
/// </summary>
internal sealed class Fuzzer(FuzzTarget target, int seed)
{
    private const int MostFindings = 10;
    private const int MostInputs = 4096;

    private readonly Random _random = new(seed);
    private readonly List<byte[]> _pool = [];
    private readonly HashSet<int> _outcomes = [];
    private readonly Dictionary<string, Finding> _findings = new(StringComparer.Ordinal);

    /// <summary>Goes on until the runs are done, the time is over, or there are too many findings to be worth more.</summary>
    public FuzzResult Run(long runs, TimeSpan time)
    {
        long start = TimeProvider.System.GetTimestamp();
        long executions = 0;
        foreach ((_, byte[] input) in Corpus.Of(target.Name))
        {
            Execute(input, keep: true);
            executions++;
        }

        if (_pool.Count == 0)
        {
            _pool.Add([]);
        }

        var mutator = new Mutator(_random, target.Tokens);
        for (; executions < runs && _findings.Count < MostFindings; executions++)
        {
            if ((executions & 63) == 0 && TimeProvider.System.GetElapsedTime(start) > time)
            {
                break;
            }

            Execute(mutator.Mutate(Pick(), Pick()), keep: false);
        }

        return new FuzzResult(executions, TimeProvider.System.GetElapsedTime(start), _outcomes.Count, [.. _findings.Values]);
    }

    /// <summary>How the target fails on an input, or null.</summary>
    public static string? Failure(FuzzTarget target, byte[] input, out int outcome)
    {
        outcome = 0;
        try
        {
            outcome = target.Fuzz(input);
            return null;
        }
        catch (DivergenceException e)
        {
            return e.Message;
        }
        catch (Exception e)
        {
            return $"{e.GetType().Name}: {e.Message} {e.StackTrace?.Split('\n').FirstOrDefault()?.Trim()}";
        }
    }

    /// <summary>The shorter of two: inputs grow as they are changed, and the short ones are the quick ones.</summary>
    private byte[] Pick()
    {
        byte[] one = _pool[_random.Next(_pool.Count)];
        byte[] other = _pool[_random.Next(_pool.Count)];
        return one.Length < other.Length ? one : other;
    }

    private void Execute(byte[] input, bool keep)
    {
        if (Failure(target, input, out int outcome) is { } failure)
        {
            string kind = Kind(failure);
            if (!_findings.ContainsKey(kind))
            {
                byte[] small = Minimiser.Shrink(input, candidate => Failure(target, candidate, out _) is { } other && Kind(other) == kind);
                _findings[kind] = new Finding(target.Name, small, Failure(target, small, out _) ?? failure);
            }
        }
        else if ((_outcomes.Add(outcome) || keep) && _pool.Count < MostInputs)
        {
            _pool.Add(input);
        }
    }

    /// <summary>A failure's first words: those before what the input put into it.</summary>
    private static string Kind(string failure) => failure[..(failure.IndexOf(':', StringComparison.Ordinal) is var end and > 0 ? end : failure.Length)];
}
