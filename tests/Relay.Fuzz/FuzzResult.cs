namespace Relay.Fuzz;

/// <summary>What came of a run. <see cref="Outcomes"/> counts the kinds of outcome that inputs had.</summary>
internal sealed record FuzzResult(long Executions, TimeSpan Time, int Outcomes, IReadOnlyList<Finding> Findings);
