using System.Text.RegularExpressions;

namespace Relay.Tests;

/// <summary>tests/conformance.md stays true: whatever it names is there.</summary>
public partial class ConformanceTableTests
{
    [Fact]
    public void Every_test_and_dialogue_that_the_table_names_is_there()
    {
        string tests = Path.Combine(LayeringTests.Root(), "tests");
        string[] files = [.. Directory.EnumerateFiles(tests, "*", SearchOption.AllDirectories)
            .Where(static f => f.EndsWith(".cs", StringComparison.Ordinal) || f.EndsWith(".dialogue", StringComparison.Ordinal)).Select(static f => Path.GetFileName(f))];
        string table = File.ReadAllText(Path.Combine(tests, "conformance.md"));
        string[] named = [.. Name().Matches(table).Select(static m => m.Value).Distinct(StringComparer.Ordinal)];

        string[] missing = [.. named.Where(name => !files.Contains(name + ".cs") && !files.Contains(name + ".dialogue"))];

        Assert.True(named.Length > 60, "the table names more than that");
        Assert.Empty(missing);
    }

    [Fact]
    public void Every_case_has_a_row()
    {
        string table = File.ReadAllText(Path.Combine(LayeringTests.Root(), "tests", "conformance.md"));
        var rows = new HashSet<string>(StringComparer.Ordinal);
        foreach (string line in table.Split('\n').Where(static l => l.StartsWith("| ", StringComparison.Ordinal)))
        {
            foreach (Match cases in Cases().Matches(line.Split('|')[1]))
            {
                int first = int.Parse(cases.Groups["first"].Value, System.Globalization.CultureInfo.InvariantCulture);
                int last = cases.Groups["last"].Success ? int.Parse(cases.Groups["last"].Value, System.Globalization.CultureInfo.InvariantCulture) : first;
                rows.UnionWith(Enumerable.Range(first, last - first + 1).Select(n => cases.Groups["group"].Value + n));
            }
        }

        (char Group, int Cases)[] groups = [('A', 13), ('B', 24), ('C', 16), ('D', 8), ('E', 15), ('F', 20), ('G', 20), ('H', 18), ('J', 13), ('K', 12)];
        Assert.Superset(groups.SelectMany(static g => Enumerable.Range(1, g.Cases).Select(n => $"{g.Group}{n}")).ToHashSet(StringComparer.Ordinal), rows);
    }

    /// <summary>A dialogue's name, or a test class's.</summary>
    [GeneratedRegex(@"\b[A-Z][0-9]{2}-[A-Za-z0-9-]*[A-Za-z0-9]|\b(?<!Relay\.)[A-Z][A-Za-z0-9]+Tests\b(?!/)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Name();

    [GeneratedRegex(@"(?<group>[A-K])(?<first>[0-9]+)(–[A-K](?<last>[0-9]+))?", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Cases();
}
