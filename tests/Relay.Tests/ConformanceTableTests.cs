using System.Text.RegularExpressions;
using Relay.Tests.Flow.Accept;
using Relay.Tests.Support;

namespace Relay.Tests;

/// <summary>tests/conformance.md against the sources: a table that names what isn't there, or leaves something out, is worse than none.</summary>
public partial class ConformanceTableTests
{
    /// <summary>How many cases each letter has. Of H the last are those of AUTH.</summary>
    private static readonly Dictionary<char, int> Cases = new() { ['A'] = 13, ['B'] = 24, ['C'] = 16, ['D'] = 8, ['E'] = 15, ['F'] = 20, ['G'] = 20, ['H'] = 32, ['J'] = 13, ['K'] = 12, ['L'] = 17 };

    private static readonly string Tests = Path.Combine(SourceTree.Root, "tests");

    /// <summary>The cells of each row: cases, what shows them, and what is to be said.</summary>
    private static readonly string[][] Rows = [.. File.ReadLines(Path.Combine(Tests, "conformance.md")).Where(static l => Row().IsMatch(l)).Select(static l => l.Split('|', StringSplitOptions.TrimEntries)[1..^1])];

    public static TheoryData<string> Named => [.. Rows.SelectMany(static r => Code().Matches(r[1])).Select(static m => m.Groups["code"].Value).Distinct()];

    [Theory]
    [MemberData(nameof(Named))]
    public void What_the_table_names_is_there(string name)
    {
        string[] parts = name.Split('.');
        if (parts.Length == 1)
        {
            Assert.Contains(name, Dialogue.All.Select(static d => d.Name));
            return;
        }

        string[] files = Directory.GetFiles(Tests, parts[0] + ".cs", SearchOption.AllDirectories);
        Assert.True(files.Length > 0, $"there is no {parts[0]}.cs");
        string method = Regex.Escape(parts[1]).Replace(@"\*", @"\w*", StringComparison.Ordinal);
        Assert.Contains(files, f => Regex.IsMatch(File.ReadAllText(f), $@"public (?:async )?(?:Task|void) {method}\(", RegexOptions.NonBacktracking));
    }

    [Fact]
    public void Every_dialogue_is_named() =>
        Assert.Empty(Dialogue.All.Select(static d => d.Name).Except(Named.Select(static n => n.Data)));

    [Fact]
    public void Every_case_has_its_row_and_no_more_than_one()
    {
        string[] cases = [.. Rows.SelectMany(static r => r[0].Split(", "))];
        Assert.Equal(cases.Distinct(), cases);
        Assert.Empty(Cases.SelectMany(static c => Enumerable.Range(1, c.Value).Select(n => $"{c.Key}{n}")).Except(cases));
    }

    [Fact]
    public void A_case_that_nothing_shows_says_why() =>
        Assert.All(Rows.Where(static r => !Code().IsMatch(r[1])), static r => Assert.NotEqual("–", r[2]));

    [GeneratedRegex(@"^\| [A-Z]+[0-9]", RegexOptions.NonBacktracking)]
    private static partial Regex Row();

    [GeneratedRegex("`(?<code>[^`]+)`", RegexOptions.NonBacktracking)]
    private static partial Regex Code();
}
