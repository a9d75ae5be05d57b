using System.Text;

namespace Relay.Tests.Flow.Accept;

/// <summary>
/// A session as a file tells it: "c: " is what the client says (CRLF is added; \r \n \0 \xNN and \\ stand for themselves; "c+ " adds none), "s: " how the server's next reply begins, "closed" the end of
/// the connection, "tls" the client's handshake, "#" a comment. Before it: "from ADDRESS", "with SETTING", and "whole" for what depends on two things coming in one write.
/// </summary>
internal sealed class Dialogue
{
    private Dialogue(string name, string[] lines)
    {
        Name = name;
        Settings = [.. Values(lines, "with ")];
        From = Values(lines, "from ").FirstOrDefault() ?? "127.0.0.1";
        IsWhole = lines.Contains("whole");
        foreach (string line in lines)
        {
            Step? step = line switch
            {
                ['c', ':', ' ', .. string said] => new Step(StepKind.Say, Unescape(said) + "\r\n"),
                ['c', '+', ' ', .. string said] => new Step(StepKind.Say, Unescape(said)),
                ['s', ':', ' ', .. string reply] => new Step(StepKind.Reply, reply.Replace("\\n", "\n", StringComparison.Ordinal)),
                "closed" => new Step(StepKind.Closed, ""),
                "tls" => new Step(StepKind.Tls, ""),
                _ => null,
            };
            if (step is not null)
            {
                Steps.Add(step);
            }
        }
    }

    public enum StepKind
    {
        Say,
        Reply,
        Closed,
        Tls,
    }

    public static IReadOnlyList<Dialogue> All { get; } = [.. Directory.GetFiles(Folder, "*.dialogue").Order(StringComparer.Ordinal).Select(Load)];

    public string Name { get; }

    public string From { get; }

    public IReadOnlyList<string> Settings { get; }

    public bool IsWhole { get; }

    /// <summary>All that the client says may come in one write: nothing of it has to wait for a handshake.</summary>
    public bool IsOneStream => Steps.TrueForAll(static s => s.Kind != StepKind.Tls);

    public List<Step> Steps { get; } = [];

    private static string Folder => Path.Combine(AppContext.BaseDirectory, "Flow", "Accept", "dialogues");

    public static Dialogue Load(string path) => new(Path.GetFileNameWithoutExtension(path), File.ReadAllLines(path));

    private static IEnumerable<string> Values(string[] lines, string key) => lines.Where(l => l.StartsWith(key, StringComparison.Ordinal)).Select(l => l[key.Length..]);

    private static string Unescape(string text)
    {
        var plain = new StringBuilder();
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] != '\\' || i + 1 == text.Length)
            {
                plain.Append(text[i]);
                continue;
            }

            i++;
            plain.Append(text[i] switch
            {
                'r' => '\r',
                'n' => '\n',
                '0' => '\0',
                'x' => (char)Convert.ToInt32(text[(i + 1)..((i += 2) + 1)], 16),
                _ => text[i],
            });
        }

        return plain.ToString();
    }

    public sealed record Step(StepKind Kind, string Text);
}
