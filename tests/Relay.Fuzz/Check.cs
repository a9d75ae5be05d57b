namespace Relay.Fuzz;

/// <summary>The comparisons of targets with their oracles.</summary>
internal static class Check
{
    public static void Equal<T>(T oracle, T ours, string what)
    {
        if (!EqualityComparer<T>.Default.Equals(oracle, ours))
        {
            throw new DivergenceException($"{what}: the oracle says {oracle}, the parser {ours}");
        }
    }

    public static void True(bool condition, string what)
    {
        if (!condition)
        {
            throw new DivergenceException(what);
        }
    }
}
