using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;

namespace MetalMoe.Server.Telemetry;

/// <summary>
/// Adds up what meters report and writes it in the text format of Prometheus.
/// Source: Prometheus, "Exposition formats", version 0.0.4.
/// </summary>
internal sealed class PrometheusExporter : IDisposable
{
    private readonly Lock _gate = new();
    private readonly SortedDictionary<string, MetricFamily> _families =
        new(StringComparer.Ordinal);

    private readonly MeterListener _listener = new();

    /// <param name="selects">Which meters are exported.</param>
    public PrometheusExporter(Func<Meter, bool> selects)
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (selects(instrument.Meter))
            {
                listener.EnableMeasurementEvents(instrument, FamilyOf(instrument));
            }
        };
        _listener.SetMeasurementEventCallback<byte>((_, v, tags, state) => Add(v, tags, state));
        _listener.SetMeasurementEventCallback<short>((_, v, tags, state) => Add(v, tags, state));
        _listener.SetMeasurementEventCallback<int>((_, v, tags, state) => Add(v, tags, state));
        _listener.SetMeasurementEventCallback<long>((_, v, tags, state) => Add(v, tags, state));
        _listener.SetMeasurementEventCallback<float>((_, v, tags, state) => Add(v, tags, state));
        _listener.SetMeasurementEventCallback<double>((_, v, tags, state) => Add(v, tags, state));
        _listener.SetMeasurementEventCallback<decimal>(
            (_, v, tags, state) => Add((double)v, tags, state));
        _listener.Start();
    }

    /// <summary>All metrics as UTF-8 text.</summary>
    public byte[] Collect()
    {
        _listener.RecordObservableInstruments();
        var text = new StringBuilder();
        lock (_gate)
        {
            foreach (var family in _families.Values)
            {
                family.Write(text);
            }
        }
        return Encoding.UTF8.GetBytes(text.ToString());
    }

    public void Dispose() => _listener.Dispose();

    private MetricFamily FamilyOf(Instrument instrument)
    {
        var family = new MetricFamily(instrument);
        lock (_gate)
        {
            // One name, one family: a second meter's instrument of that name adds to it.
            if (!_families.TryAdd(family.Name, family))
            {
                family = _families[family.Name];
            }
        }
        return family;
    }

    private void Add(
        double value, ReadOnlySpan<KeyValuePair<string, object?>> tags, object? state)
    {
        if (state is MetricFamily family)
        {
            string labels = Labels(tags);
            lock (_gate)
            {
                family.Add(value, labels);
            }
        }
    }

    /// <summary>Tags as labels without the braces.</summary>
    private static string Labels(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        if (tags.IsEmpty)
        {
            return "";
        }
        var text = new StringBuilder();
        foreach (var (key, value) in tags)
        {
            if (text.Length > 0)
            {
                text.Append(',');
            }
            text.Append(MetricFamily.CleanName(key)).Append("=\"")
                .Append(Convert.ToString(value, CultureInfo.InvariantCulture)?
                    .Replace("\\", "\\\\", StringComparison.Ordinal)
                    .Replace("\"", "\\\"", StringComparison.Ordinal)
                    .Replace("\n", "\\n", StringComparison.Ordinal))
                .Append('"');
        }
        return text.ToString();
    }
}
