namespace Relay.Fuzz;

/// <summary>The seeds of tests/corpus, copied beside the program: a folder for each target, one input a file, taken as it is.</summary>
internal static class Corpus
{
    public static IReadOnlyList<(string File, byte[] Input)> Of(string target)
    {
        string folder = Path.Combine(AppContext.BaseDirectory, "corpus", target);
        return Directory.Exists(folder)
            ? [.. Directory.GetFiles(folder).Order(StringComparer.Ordinal).Select(static f => (Path.GetFileName(f), File.ReadAllBytes(f)))]
            : [];
    }
}
