using System.Globalization;

namespace Relay.Fuzz.Tests;

/// <summary>Each target for a moment, always the same inputs: its seeds, which hold every defect that was ever found, and some of what is made of them. tests/README.md has the long form.</summary>
public class FuzzTests
{
    private static readonly TimeSpan Most = TimeSpan.FromSeconds(60);

    public static TheoryData<string, int> Targets => new()
    {
        { "line", 2_000 }, { "command", 8_000 }, { "outbound", 8_000 }, { "mailbox", 15_000 }, { "parameters", 8_000 }, { "xtext", 5_000 }, { "data", 3_000 }, { "chunk", 5_000 }, { "reply", 2_000 }, { "proxy", 3_000 },
        { "xclient", 8_000 }, { "sasl", 8_000 }, { "scram", 5_000 }, { "dovecot", 8_000 }, { "milter", 3_000 }, { "altnames", 8_000 }, { "envelope", 1_000 }, { "session", 800 }, { "model", 400 },
        { "blaster-reply", 5_000 }, { "blaster-sink", 1_500 }, { "blaster-content", 5_000 }, { "blaster-file", 5_000 }, { "blaster-option", 10_000 },
    };

    [Theory]
    [MemberData(nameof(Targets))]
    public void The_parser_agrees_with_its_oracle(string name, int runs)
    {
        FuzzResult result = new Fuzzer(FuzzTarget.All.Single(t => t.Name == name), seed: 1).Run(runs, Most);
        TestContext.Current.SendDiagnosticMessage(string.Create(CultureInfo.InvariantCulture, $"{name}: {result.Executions} executions"));
        Assert.True(result.Findings.Count == 0, string.Join('\n', result.Findings.Select(static f => $"{f.Failure}\n{Convert.ToHexString(f.Input)}")));
    }

    [Fact]
    public void Every_target_is_run_and_has_seeds()
    {
        Assert.Equal(FuzzTarget.All.Select(static t => t.Name).Order(), Targets.Select(static t => t.Data.Item1).Order());
        Assert.All(FuzzTarget.All, static t => Assert.NotEmpty(Corpus.Of(t.Name)));
    }
}
