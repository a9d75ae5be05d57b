using System.Text.RegularExpressions;
using Relay.Tests.Support;

namespace Relay.Tests;

/// <summary>The dependency rule inside the engine, read off the using directives. The compiler keeps the projects apart; this keeps the folders apart.</summary>
public partial class LayeringTests
{
    /// <summary>What the files of a folder may use, besides their own folder, the root of Flow and Relay.Protocol.</summary>
    private static readonly Dictionary<string, string[]> Allowed = new()
    {
        ["Concurrency"] = [],
        ["Telemetry"] = [],
        ["Dkim"] = ["Concurrency", "Telemetry"],
        ["Dns"] = ["Concurrency", "Telemetry"],
        ["Tls"] = ["Concurrency", "Telemetry"],
        ["Spool"] = ["Concurrency", "Telemetry"],
        ["Flow.Policy"] = ["Concurrency", "Telemetry", "Dns", "Tls", "Spool", "Flow"],
        ["Flow.Abuse"] = ["Concurrency", "Telemetry", "Dns", "Flow", "Flow.Policy"],
        ["Flow.Login"] = ["Concurrency", "Telemetry", "Dns", "Tls", "Spool", "Flow", "Flow.Policy"],
        // A milter is another peer, dialed as servers are.
        ["Flow.Milter"] = ["Concurrency", "Telemetry", "Dns", "Tls", "Spool", "Flow", "Flow.Send"],
        ["Flow.Accept"] = ["Concurrency", "Telemetry", "Dkim", "Dns", "Tls", "Spool", "Flow", "Flow.Abuse", "Flow.Policy", "Flow.Login", "Flow.Milter", "Flow.Queue"],
        ["Flow.Queue"] = ["Concurrency", "Telemetry", "Dns", "Tls", "Spool", "Flow"],
        ["Flow.Route"] = ["Concurrency", "Telemetry", "Dns", "Tls", "Spool", "Flow"],
        ["Flow.Send"] = ["Concurrency", "Telemetry", "Dns", "Tls", "Spool", "Flow"],
        ["Flow.TlsReports"] = ["Concurrency", "Telemetry", "Dkim", "Dns", "Tls", "Spool", "Flow", "Flow.Queue"],
        ["Flow.Settle"] = ["Concurrency", "Telemetry", "Dkim", "Dns", "Tls", "Spool", "Flow", "Flow.Queue"],
    };

    [Fact]
    public void A_folder_uses_only_what_lies_below_it()
    {
        string source = Path.Combine(SourceTree.Root, "src", "Relay");
        var wrong = new List<string>();
        foreach (string file in Directory.GetFiles(source, "*.cs", SearchOption.AllDirectories))
        {
            string folder = Path.GetDirectoryName(Path.GetRelativePath(source, file))!.Replace(Path.DirectorySeparatorChar, '.');
            // The engine's root and the root of Flow put the parts together; they see all of them.
            if (folder.Length == 0 || folder == "Flow" || folder.StartsWith("obj", StringComparison.Ordinal) || folder.StartsWith("bin", StringComparison.Ordinal))
            {
                continue;
            }

            Assert.True(Allowed.ContainsKey(folder), $"{folder} is a new folder: say in this test what it may use");
            wrong.AddRange(Using().Matches(File.ReadAllText(file))
                .Select(m => m.Groups["used"].Value)
                .Where(used => used != folder && !used.StartsWith("Protocol", StringComparison.Ordinal) && !Allowed[folder].Contains(used))
                .Select(used => $"{Path.GetRelativePath(source, file)} uses Relay.{used}"));
        }

        Assert.Empty(wrong);
    }

    [GeneratedRegex(@"^using Relay\.(?<used>[A-Za-z.]+);", RegexOptions.Multiline | RegexOptions.NonBacktracking)]
    private static partial Regex Using();
}
