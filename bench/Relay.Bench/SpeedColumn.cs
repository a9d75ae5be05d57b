using System.Globalization;
using System.Reflection;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;

namespace Relay.Bench;

/// <summary>Octets in a second, where a class says how many an operation has.</summary>
internal sealed class SpeedColumn : IColumn
{
    public string Id => nameof(SpeedColumn);

    public string ColumnName => "GB/s";

    public bool AlwaysShow => false;

    public ColumnCategory Category => ColumnCategory.Statistics;

    public int PriorityInCategory => 0;

    public bool IsNumeric => true;

    public UnitType UnitType => UnitType.Dimensionless;

    public string Legend => "10^9 octets in a second";

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase)
    {
        long octets = benchmarkCase.Descriptor.Type.GetCustomAttribute<OctetsAttribute>()?.Count ?? 0;
        double? nanoseconds = summary[benchmarkCase]?.ResultStatistics?.Mean;
        return octets == 0 || nanoseconds is not > 0 ? "" : (octets / nanoseconds.Value).ToString("0.00", CultureInfo.InvariantCulture);
    }

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase, SummaryStyle style) => GetValue(summary, benchmarkCase);

    public bool IsAvailable(Summary summary) => summary.BenchmarksCases.Any(static c => c.Descriptor.Type.IsDefined(typeof(OctetsAttribute)));

    public bool IsDefault(Summary summary, BenchmarkCase benchmarkCase) => false;
}
