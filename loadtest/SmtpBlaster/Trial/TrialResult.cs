using SmtpBlaster.Ledgers;
using SmtpBlaster.Sink;
using SmtpBlaster.Source;

namespace SmtpBlaster.Trial;

/// <summary>What came of it. Remarks: what was not in order with the relay's process. RelayCpu in microseconds, 0 when it wasn't started here. Arrival: from the first message's beginning until the last had come.</summary>
internal sealed record TrialResult(SourceResult Source, SinkResult Sink, LedgerSummary Ledger, double RelayCpu, TimeSpan Arrival, IReadOnlyList<string> Remarks);
