using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using MetalMoe.Core.Quants;

namespace MetalMoe.Benchmarks;

/// <summary>
/// The reference row decoder of every format. It is read for correctness first; this tells what
/// loading a model through it, or testing against it, costs. Rates count the stored bytes read.
/// </summary>
[Config(typeof(WithRate))]
public class DecodeRowBenchmarks
{
    private const int Columns = 64 * 1024;

    private readonly float[] _values = new float[Columns];
    private byte[] _row = [];

    /// <summary>All supported formats.</summary>
    public static IEnumerable<QuantFormat> Formats => QuantFormats.All;

    /// <summary>The format of the row.</summary>
    [ParamsSource(nameof(Formats))]
    public QuantFormat Format { get; set; }

    /// <summary>Fills the row with encoded values, so that no scale is a NaN.</summary>
    [GlobalSetup]
    public void EncodeRow()
    {
        var random = new Random(1);
        float[] source = [.. Enumerable.Range(0, Columns).Select(_ => random.NextSingle() - 0.5f)];
        _row = new byte[QuantFormats.RowBytes(Format, Columns)];
        QuantEncoder.EncodeRow(Format, source, _row);
    }

    /// <summary>Decodes one row of 65,536 values.</summary>
    [Benchmark]
    public void DecodeRow() => QuantDecoder.DecodeRow(Format, _row, _values);

    private sealed class WithRate : ManualConfig
    {
        public WithRate() => AddColumn(new RateColumn());
    }

    private sealed class RateColumn : IColumn
    {
        public string Id => nameof(RateColumn);

        public string ColumnName => "GB/s";

        public bool AlwaysShow => true;

        public ColumnCategory Category => ColumnCategory.Custom;

        public int PriorityInCategory => 0;

        public bool IsNumeric => true;

        public UnitType UnitType => UnitType.Dimensionless;

        public string Legend => "Stored bytes read, in 10^9 a second";

        public string GetValue(Summary summary, BenchmarkCase benchmarkCase)
        {
            var format = (QuantFormat)benchmarkCase.Parameters[nameof(Format)];
            double? nanoseconds = summary[benchmarkCase]?.ResultStatistics?.Mean;
            return nanoseconds is { } time
                ? (QuantFormats.RowBytes(format, Columns) / time).ToString("F2")
                : "-";
        }

        public string GetValue(
            Summary summary, BenchmarkCase benchmarkCase, SummaryStyle style) =>
            GetValue(summary, benchmarkCase);

        public bool IsDefault(Summary summary, BenchmarkCase benchmarkCase) => false;

        public bool IsAvailable(Summary summary) => true;
    }
}
