using System.Diagnostics.Metrics;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using Relay.Telemetry;

namespace Relay.Daemon.Hosting;

/// <summary>Counts what the engine measures, from the moment it is made, and answers Prometheus.</summary>
internal sealed class MetricsExport : IDisposable
{
    private readonly MeterProvider _provider = Sdk.CreateMeterProviderBuilder().AddMeter(RelayMetrics.MeterName, "System.Runtime").AddView(Bound).AddPrometheusExporter(static exporter =>
    {
        // One meter of one process: labels that say so on every line say nothing.
        exporter.ScopeInfoEnabled = false;
        exporter.TargetInfoEnabled = false;
    }).Build();

    public MetricsExport()
    {
        var app = new ApplicationBuilder(NoServices.Instance);
        app.UseOpenTelemetryPrometheusScrapingEndpoint(_provider, static _ => true, "/metrics", null, null);
        Answer = app.Build();
    }

    /// <summary>Answers a scrape.</summary>
    public RequestDelegate Answer { get; }

    public void Dispose() => _provider.Dispose();

    /// <summary>
    /// Room for each combination of an instrument's labels is taken beforehand, by default for two thousand: six megabytes and a tenth of the work of a start. Only what is labelled by names from the configuration
    /// may need so many.
    /// </summary>
    private static MetricStreamConfiguration? Bound(Instrument instrument) =>
        instrument.Name is "relay.tls.certificate.expiry" || instrument.Name.StartsWith("relay.milter.", StringComparison.Ordinal) || instrument.Name.StartsWith("relay.dnsbl.", StringComparison.Ordinal)
            ? null
            : new MetricStreamConfiguration { CardinalityLimit = 250 };

    private sealed class NoServices : IServiceProvider
    {
        public static readonly NoServices Instance = new();

        public object? GetService(Type serviceType) => null;
    }
}
