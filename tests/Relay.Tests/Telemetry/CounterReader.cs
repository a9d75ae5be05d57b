using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace Relay.Tests.Telemetry;

/// <summary>Adds up what one meter's instruments report, by instrument name and label values: "relay.inbound.closed", "relay.inbound.closed Quit".</summary>
internal sealed class CounterReader : IDisposable
{
    private readonly ConcurrentDictionary<string, double> _sums = new();
    private readonly MeterListener _listener = new();

    public CounterReader(Meter meter)
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (ReferenceEquals(instrument.Meter, meter))
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Add(instrument, value, tags));
        _listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => Add(instrument, value, tags));
        _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Add(instrument, value, tags));
        _listener.Start();
    }

    public double this[string name] => _sums.GetValueOrDefault(name);

    public ICollection<string> Names => _sums.Keys;

    public void Observe() => _listener.RecordObservableInstruments();

    public void Dispose() => _listener.Dispose();

    private void Add(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        _sums.AddOrUpdate(instrument.Name, value, (_, sum) => sum + value);
        foreach (KeyValuePair<string, object?> tag in tags)
        {
            _sums.AddOrUpdate($"{instrument.Name} {tag.Value}", value, (_, sum) => sum + value);
        }
    }
}
