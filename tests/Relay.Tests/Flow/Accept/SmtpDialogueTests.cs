using System.Collections.Frozen;
using System.Text;
using Relay.Flow.Accept;
using Relay.Tests.Support;

namespace Relay.Tests.Flow.Accept;

/// <summary>
/// Every *.dialogue file, played against the engine: "c: " is what the client says (CRLF is added; \r \n \0 \xNN stand for themselves), "s: " how the server's next reply
/// begins, "closed" the end of the connection, "#" a comment. Each is played line by line, in one write, and octet by octet: the replies must be the same.
/// </summary>
public class SmtpDialogueTests
{
    /// <summary>What depends on two things coming in one write can't be played by octets; its file says "whole".</summary>
    public static TheoryData<string> DivisibleDialogues => [.. Directory.GetFiles(Folder, "*.dialogue")
        .Where(static f => !File.ReadLines(f).Contains("whole")).Select(static f => Path.GetFileNameWithoutExtension(f)!).Order(StringComparer.Ordinal)];

    public static TheoryData<string> Dialogues => [.. Directory.GetFiles(Folder, "*.dialogue").Select(static f => Path.GetFileNameWithoutExtension(f)!).Order(StringComparer.Ordinal)];

    private static string Folder => Path.Combine(AppContext.BaseDirectory, "Flow", "Accept", "dialogues");

    [Theory]
    [MemberData(nameof(Dialogues))]
    public Task Replies_come_as_written_line_by_line(string name) => PlayAsync(name, Pace.Lines);

    [Theory]
    [MemberData(nameof(DivisibleDialogues))]
    public Task Replies_come_as_written_octet_by_octet(string name) => PlayAsync(name, Pace.Octets);

    private static async Task PlayAsync(string name, Pace pace)
    {
        await using var relay = new EngineFixture();
        relay.Options = relay.Options with
        {
            Access = new() { RelayFrom = relay.Options.Access.RelayFrom, RelayDomains = new[] { "local.example" }.ToFrozenSet() },
            Limits = new LimitOptions { MessageSize = 2000, Recipients = 3, Errors = 40 },
        };
        await relay.StartAsync();
        string[] lines = await File.ReadAllLinesAsync(Path.Combine(Folder, name + ".dialogue"), TestContext.Current.CancellationToken);
        string from = lines.FirstOrDefault(static l => l.StartsWith("from ", StringComparison.Ordinal))?[5..] ?? "127.0.0.1";
        await using TestClient client = relay.Connect(from);
        foreach (string line in lines)
        {
            if (line.StartsWith("c: ", StringComparison.Ordinal))
            {
                string text = Unescape(line[3..]) + "\r\n";
                if (pace == Pace.Lines)
                {
                    await client.WriteAsync(text);
                }
                else
                {
                    foreach (char octet in text)
                    {
                        await client.WriteAsync(octet.ToString());
                        await Task.Yield();
                    }
                }
            }
            else if (line.StartsWith("s: ", StringComparison.Ordinal))
            {
                string reply = await client.ReadAsync() ?? "(closed)";
                Assert.True(reply.StartsWith(line[3..].Replace("\\n", "\n", StringComparison.Ordinal), StringComparison.Ordinal), $"{name}: expected {line[3..]}, got {reply}");
            }
            else if (line == "closed")
            {
                // A client that was shown out is given a moment to read why.
                Task closed = client.ExpectCloseAsync();
                await relay.PassTimeUntil(() => closed.IsCompleted, "the close");
                await closed;
            }
        }
    }

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

    private enum Pace
    {
        Lines,
        Octets,
    }
}
