namespace Relay.EndToEnd.Tests.Harness;

internal sealed record LedgerSummary(int Acknowledged, int Unique, int Lost, int Duplicated, int MostCopies, int Altered, int Ghosts)
{
    public override string ToString() =>
        $"acked {Acknowledged}, delivered {Unique} unique, lost {Lost}, duplicated {Duplicated} (max {MostCopies}), altered {Altered}, ghosts {Ghosts}";
}
