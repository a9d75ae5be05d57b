using System.Text.Json.Serialization;
using Relay.Telemetry;
using static Relay.Daemon.QueueCommands;

namespace Relay.Daemon.Probe;

/// <summary>What a probe found out. <see cref="Domain"/> is what the server was taken to be responsible for.</summary>
internal sealed record ProbeReport(string Host, string Address, int Port, string Greeting, string Domain, IReadOnlyList<ProbeResult> Tricks, IReadOnlyList<ProbeResult> Checks)
{
    /// <summary>Answers are whole in the JSON; a line of a table has an end.</summary>
    private const int ShownAnswer = 120;

    /// <summary>Of what was tried the end is shown: the trick is mostly there.</summary>
    private const int ShownCommand = 75;

    public bool IsOpen => Tricks.Any(static t => t.Verdict == ProbeVerdict.Relayed);

    public bool HasFindings => Checks.Any(static c => c.Verdict == ProbeVerdict.Finding);

    /// <summary>False when some trick wasn't tried: that none has worked then means nothing.</summary>
    public bool IsWhole => Tricks.All(static t => t.Verdict != ProbeVerdict.NotTried);

    [JsonIgnore]
    public int Status => IsOpen || HasFindings ? CommandResult.Wrong : IsWhole ? CommandResult.Fine : CommandResult.CouldNotRun;

    public void Print()
    {
        Console.Out.WriteLine($"{Host} ({Address}:{Text(Port)}): {Greeting}");
        Console.Out.WriteLine($"taken to be responsible for {Domain}");
        Console.Out.WriteLine();
        Table(["VERDICT", "TRICK", "TRIED", "ANSWER"], Tricks.Select(Row), Tricks.Count, "tricks");
        Console.Out.WriteLine();
        Table(["VERDICT", "CHECK", "TRIED", "ANSWER"], Checks.Select(Row), Checks.Count, "checks");
        Console.Out.WriteLine();
        Console.Out.WriteLine(string.Join(", ", Tricks.GroupBy(static t => t.Verdict).OrderBy(static g => g.Key).Select(static g => $"{Text(g.Count())} {Word(g.Key)}").Prepend($"{Text(Tricks.Count)} tricks")));
        Console.Out.WriteLine(IsOpen ? "OPEN: it relays. If it trusts the address that this was asked from, as it may this machine's or this network's, ask again from elsewhere."
            : IsWhole ? "Not open." : "Not all tricks could be tried: whether it is open remains to be seen.");
        if (Tricks.Any(static t => t.Verdict == ProbeVerdict.PutOff))
        {
            Console.Out.WriteLine("What was put off (4yz) may be refused in earnest or grey-listed: read the answers, and ask again later.");
        }

        foreach (ProbeResult finding in Checks.Where(static c => c.Verdict == ProbeVerdict.Finding))
        {
            Console.Out.WriteLine($"FINDING: {finding.Name}: {finding.Answer}");
        }
    }

    // What is cut is cleaned again: half a surrogate pair is no text.
    private static string[] Row(ProbeResult result) =>
    [
        Word(result.Verdict),
        result.Name,
        result.Tried.Length <= ShownCommand ? result.Tried : "…" + LogText.Clean(result.Tried[^(ShownCommand - 1)..]),
        result.Answer.Length <= ShownAnswer ? result.Answer : LogText.Clean(result.Answer[..(ShownAnswer - 1)]) + "…",
    ];

    private static string Word(ProbeVerdict verdict) => verdict switch
    {
        ProbeVerdict.Relayed => "RELAYED",
        ProbeVerdict.Finding => "FINDING",
        ProbeVerdict.NotTried => "not tried",
        ProbeVerdict.PutOff => "put off",
        _ => verdict.ToString().ToLowerInvariant(),
    };
}
