using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;

namespace MetalMoe.Server.Telemetry;

/// <summary>The values of one instrument, by labels. Not thread-safe.</summary>
internal sealed class MetricFamily
{
    // A client that makes up labels must not fill the memory.
    private const int MaxSeries = 2000;

    private static readonly double[] DefaultBounds =
        [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

    private readonly string _type;
    private readonly string _help;
    private readonly bool _replaces;
    private readonly double[]? _bounds;
    private readonly SortedDictionary<string, Series> _series = new(StringComparer.Ordinal);

    public MetricFamily(Instrument instrument)
    {
        Type kind = instrument.GetType();
        Type? generic = kind.IsGenericType ? kind.GetGenericTypeDefinition() : null;
        bool isHistogram = generic == typeof(Histogram<>);
        bool isCounter = generic == typeof(Counter<>) || generic == typeof(ObservableCounter<>);
        // Observed instruments and gauges tell the value itself, the others what to add.
        _replaces = instrument.IsObservable || generic == typeof(Gauge<>);
        _type = isHistogram ? "histogram" : isCounter ? "counter" : "gauge";
        _bounds = isHistogram
            ? BoundsOf(instrument) : null;
        _help = (instrument.Description ?? instrument.Name)
            .Replace("\\", "\\\\", StringComparison.Ordinal)
            .Replace("\n", "\\n", StringComparison.Ordinal);
        string unit = instrument.Unit switch
        {
            "s" => "_seconds",
            "ms" => "_milliseconds",
            "By" => "_bytes",
            _ => "",
        };
        Name = CleanName(instrument.Name) + unit + (isCounter ? "_total" : "");
    }

    public string Name { get; }

    public void Add(double value, string labels)
    {
        if (!_series.TryGetValue(labels, out var series))
        {
            if (_series.Count >= MaxSeries)
            {
                return;
            }
            _series[labels] = series = new Series(new long[(_bounds?.Length ?? 0) + 1]);
        }
        series.Sum = _replaces ? value : series.Sum + value;
        if (_bounds is not null)
        {
            int bucket = 0;
            while (bucket < _bounds.Length && value > _bounds[bucket])
            {
                bucket++;
            }
            series.Buckets[bucket]++;
        }
    }

    public void Write(StringBuilder text)
    {
        text.Append("# HELP ").Append(Name).Append(' ').Append(_help).Append('\n');
        text.Append("# TYPE ").Append(Name).Append(' ').Append(_type).Append('\n');
        foreach (var (labels, series) in _series)
        {
            if (_bounds is null)
            {
                Line(text, "", labels, series.Sum);
                continue;
            }
            long count = 0;
            for (int i = 0; i < series.Buckets.Length; i++)
            {
                count += series.Buckets[i];
                string bound = i == _bounds.Length
                    ? "+Inf" : _bounds[i].ToString("R", CultureInfo.InvariantCulture);
                string comma = labels.Length == 0 ? "" : ",";
                Line(text, "_bucket", $"{labels}{comma}le=\"{bound}\"", count);
            }
            Line(text, "_sum", labels, series.Sum);
            Line(text, "_count", labels, count);
        }
    }

    /// <summary>A name of the characters that names may have.</summary>
    public static string CleanName(string name) => string.Create(name.Length, name,
        static (clean, name) =>
        {
            for (int i = 0; i < clean.Length; i++)
            {
                clean[i] = char.IsAsciiLetterOrDigit(name[i]) ? name[i] : '_';
            }
        });

    private static double[] BoundsOf(Instrument instrument) => instrument switch
    {
        Instrument<double> { Advice.HistogramBucketBoundaries: { } bounds } => [.. bounds],
        Instrument<long> { Advice.HistogramBucketBoundaries: { } bounds } =>
            [.. bounds.Select(bound => (double)bound)],
        _ => DefaultBounds,
    };

    private void Line(StringBuilder text, string suffix, string labels, double value)
    {
        text.Append(Name).Append(suffix);
        if (labels.Length > 0)
        {
            text.Append('{').Append(labels).Append('}');
        }
        text.Append(' ').Append(value.ToString("R", CultureInfo.InvariantCulture)).Append('\n');
    }

    private sealed class Series(long[] buckets)
    {
        public double Sum { get; set; }

        public long[] Buckets { get; } = buckets;
    }
}
