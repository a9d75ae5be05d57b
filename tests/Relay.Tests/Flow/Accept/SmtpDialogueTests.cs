using System.Collections.Frozen;
using System.Net;
using Relay.Flow.Abuse;
using Relay.Flow.Accept;
using Relay.Tests.Support;

namespace Relay.Tests.Flow.Accept;

/// <summary>Every <see cref="Dialogue"/>, played against the engine line by line, octet by octet, in one write, and in two with the cut at many places: the replies must be the same.</summary>
public class SmtpDialogueTests
{
    /// <summary>As many cuts are tried of each dialogue; where it is longer they are spread over it.</summary>
    private const int MostCuts = 16;

    public static TheoryData<string> Dialogues => Names(static _ => true);

    public static TheoryData<string> Divisible => Names(static d => !d.IsWhole);

    public static TheoryData<string> OneStreams => Names(static d => !d.IsWhole && d.IsOneStream);

    [Theory]
    [MemberData(nameof(Dialogues))]
    public async Task Replies_come_as_written_line_by_line(string name)
    {
        Dialogue dialogue = Find(name);
        await using EngineFixture relay = await StartAsync(dialogue);
        await PlayAsync(relay, dialogue, static (client, text) => client.WriteAsync(text));
    }

    [Theory]
    [MemberData(nameof(Divisible))]
    public async Task Replies_come_as_written_octet_by_octet(string name)
    {
        Dialogue dialogue = Find(name);
        await using EngineFixture relay = await StartAsync(dialogue);
        await PlayAsync(relay, dialogue, static async (client, text) =>
        {
            foreach (char octet in text)
            {
                await client.WriteAsync(octet.ToString());
                await Task.Yield();
            }
        });
    }

    [Theory]
    [MemberData(nameof(OneStreams))]
    public async Task Replies_come_as_written_when_all_is_said_at_once_or_cut_in_two(string name)
    {
        Dialogue dialogue = Find(name);
        await using EngineFixture relay = await StartAsync(dialogue);
        string all = string.Concat(dialogue.Steps.Where(static s => s.Kind == Dialogue.StepKind.Say).Select(static s => s.Text));
        int step = Math.Max(1, all.Length / MostCuts);
        for (int cut = 0; cut < all.Length; cut += step)
        {
            string first = all[..cut];
            string second = all[cut..];
            await PlayAsync(relay, dialogue, async (client, text) =>
            {
                if (first.Length > 0)
                {
                    await client.WriteAsync(first);
                    await Task.Yield();
                }

                if (second.Length > 0)
                {
                    await client.WriteAsync(second);
                }

                (first, second) = ("", "");
            });
        }
    }

    private static TheoryData<string> Names(Func<Dialogue, bool> which) => [.. Dialogue.All.Where(which).Select(static d => d.Name)];

    private static Dialogue Find(string name) => Dialogue.All.Single(d => d.Name == name);

    private static Task<EngineFixture> StartAsync(Dialogue dialogue)
    {
        var relay = new EngineFixture();
        relay.Options = relay.Options with
        {
            Access = relay.Options.Access with { RelayDomains = new[] { "local.example" }.ToFrozenSet() },
            Limits = new LimitOptions { MessageSize = 2000, Recipients = 3, Errors = 40 },
            // Each is played many times over, and nobody should be banned for it.
            Abuse = new AbuseOptions { Enabled = false },
        };
        foreach (string setting in dialogue.Settings)
        {
            Set(relay, setting);
        }

        return relay.StartAsync();
    }

    private static void Set(EngineFixture relay, string setting)
    {
        switch (setting)
        {
            case "blocked":
                relay.Options = relay.Options with { Access = relay.Options.Access with { Blocked = [IPNetwork.Parse("192.0.2.0/24")] } };
                break;
            case "default errors":
                relay.Options = relay.Options with { Limits = relay.Options.Limits with { Errors = new LimitOptions().Errors } };
                break;
            case "binarymime":
                relay.Options = relay.Options with { Smtp = relay.Options.Smtp with { BinaryMime = true } };
                break;
            case "credentials":
                relay.Options = relay.Options with { Accounts = TestAccounts.One };
                break;
            case "proxy":
                relay.Listener = relay.Listener with { ProxyFrom = [IPNetwork.Parse("198.51.100.0/24")] };
                break;
            case "xclient":
                relay.Options = relay.Options with { Access = relay.Options.Access with { XClientFrom = [IPNetwork.Parse("198.51.100.0/24")] } };
                break;
            case "submission":
                relay.Listener = relay.Listener with { Role = ListenerRole.Submission };
                break;
            default:
                throw new ArgumentException($"no such setting: {setting}", nameof(setting));
        }
    }

    /// <summary>What the client says is written by <paramref name="say"/>, which may say more at once than it is given and less later.</summary>
    private static async Task PlayAsync(EngineFixture relay, Dialogue dialogue, Func<TestClient, string, Task> say)
    {
        await using TestClient client = relay.Connect(dialogue.From);
        int at = 0;
        foreach (Dialogue.Step step in dialogue.Steps)
        {
            at++;
            switch (step.Kind)
            {
                case Dialogue.StepKind.Say:
                    await say(client, step.Text);
                    break;
                case Dialogue.StepKind.Reply:
                    string reply = await client.ReadAsync() ?? "(closed)";
                    Assert.True(reply.StartsWith(step.Text, StringComparison.Ordinal), $"{dialogue.Name}, step {at}: expected {step.Text}, got {reply}");
                    break;
                case Dialogue.StepKind.Tls:
                    await client.StartTlsAsync();
                    break;
                default:
                    // A client that was shown out is given a moment to read why.
                    Task closed = client.ExpectCloseAsync();
                    await relay.PassTimeUntil(() => closed.IsCompleted, "the close");
                    await closed;
                    break;
            }
        }
    }
}
