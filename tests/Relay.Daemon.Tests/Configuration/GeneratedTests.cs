using System.Runtime.CompilerServices;
using System.Text.Json;
using Relay.Daemon.Configuration;

namespace Relay.Daemon.Tests.Configuration;

/// <summary>What is made from the table of keys. With RELAY_REGENERATE=1 the checked-in files are written anew instead of compared.</summary>
public sealed class GeneratedTests
{
    private const string Begin = "<!-- configuration -->\n";
    private const string End = "<!-- /configuration -->";

    [Fact]
    public void The_schema_is_up_to_date() => Same("src/Relay.Daemon/relay.schema.json", static _ => ConfigSchema.Generate());

    [Fact]
    public void The_reference_in_the_README_is_up_to_date() => Same("README.md", static readme =>
    {
        int begin = readme.IndexOf(Begin, StringComparison.Ordinal) + Begin.Length;
        int end = readme.IndexOf(End, StringComparison.Ordinal);
        Assert.True(begin > Begin.Length && end >= begin, "the README has lost its markers");
        return $"{readme[..begin]}\n{ConfigReference.Generate()}\n{readme[end..]}";
    });

    [Fact]
    public void The_schema_knows_every_key()
    {
        using JsonDocument schema = JsonDocument.Parse(ConfigSchema.Generate());
        foreach (ConfigSection section in ConfigTable.Sections)
        {
            JsonElement table = schema.RootElement;
            foreach (string name in section.Name.Split('.', StringSplitOptions.RemoveEmptyEntries))
            {
                table = table.GetProperty("properties").GetProperty(name);
            }

            table = section.Items is null ? table : table.GetProperty("items");
            Assert.False(table.GetProperty("additionalProperties").GetBoolean());
            Assert.All(section.Keys, k => Assert.True(table.GetProperty("properties").TryGetProperty(k.Name, out _), k.Name));
        }
    }

    [Fact]
    public void Every_key_says_what_it_means_and_names_are_unique() => Assert.All(ConfigTable.Sections, static s =>
    {
        Assert.NotEmpty(s.Doc);
        Assert.All(s.Keys, static k => Assert.EndsWith(".", k.Doc, StringComparison.Ordinal));
        Assert.Equal(s.Keys.Count, s.Keys.Select(static k => k.Name).Distinct().Count());
    });

    private static void Same(string file, Func<string, string> generate, [CallerFilePath] string here = "")
    {
        string path = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "../../..", file));
        string present = File.ReadAllText(path);
        string generated = generate(present);
        if (Environment.GetEnvironmentVariable("RELAY_REGENERATE") == "1")
        {
            File.WriteAllText(path, generated);
            return;
        }

        Assert.True(generated == present, $"{file} is not what the keys make: run this test once with RELAY_REGENERATE=1");
    }
}
