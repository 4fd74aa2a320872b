using System.Diagnostics.CodeAnalysis;
using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using MetalMoe.Core.Quants;
using MetalMoe.Cpu.Linear;

namespace MetalMoe.Benchmarks;

/// <summary>
/// Linear products of every format on one thread: with one activation row (decode; the matrix is
/// larger than the caches, so the rate to compare with is that of a streaming read) and with 32 and
/// 512 (prefill).
/// </summary>
[Config(typeof(WithRates))]
[SuppressMessage(
    "Design",
    "CA1001:Types that own disposable fields should be disposable",
    Justification = "BenchmarkDotNet calls Cleanup.")]
public unsafe class LinearBenchmarks
{
    private const int Columns = 2048;
    private const long MatrixBytes = 64L << 20;
    private const int PrefillRows = 512;

    private NativeArray<byte>? _matrix;
    private NativeArray<float>? _x;
    private NativeArray<float>? _y;
    private ActivationRows? _activations;
    private LinearScratch? _scratch;

    /// <summary>All supported formats.</summary>
    public static IEnumerable<QuantFormat> Formats => QuantFormats.All;

    /// <summary>The format of the weights.</summary>
    [ParamsSource(nameof(Formats))]
    public QuantFormat Format { get; set; }

    /// <summary>Activation rows, T.</summary>
    [Params(1, 32, 512)]
    public int Tokens { get; set; }

    private int Rows => RowsOf(Format, Tokens);

    /// <summary>Encodes one row and repeats it; prepares the activations.</summary>
    [GlobalSetup]
    public void Setup()
    {
        var random = new Random(1);
        float[] source = [.. Enumerable.Range(0, Columns).Select(_ => random.NextSingle() - 0.5f)];
        var row = new byte[QuantFormats.RowBytes(Format, Columns)];
        QuantEncoder.EncodeRow(Format, source, row);
        _matrix = new NativeArray<byte>((long)Rows * row.Length);
        for (int r = 0; r < Rows; r++)
        {
            row.CopyTo(new Span<byte>(_matrix.Pointer + ((long)r * row.Length), row.Length));
        }
        _x = new NativeArray<float>((long)Tokens * Columns);
        for (long i = 0; i < (long)Tokens * Columns; i++)
        {
            _x.Pointer[i] = random.NextSingle() - 0.5f;
        }
        _y = new NativeArray<float>((long)Tokens * Rows);
        _activations = new ActivationRows(Tokens, Columns);
        _activations.Attach(_x.Pointer, Columns, Tokens, Columns);
        _activations.Quantize(0, Tokens);
        _scratch = new LinearScratch(Columns);
    }

    /// <summary>Frees what <see cref="Setup"/> allocated.</summary>
    [GlobalCleanup]
    public void Cleanup()
    {
        _matrix?.Dispose();
        _x?.Dispose();
        _y?.Dispose();
        _activations?.Dispose();
        _scratch?.Dispose();
    }

    /// <summary>All rows of the matrix times all activation rows.</summary>
    [Benchmark]
    public void Multiply() => LinearKernel.Multiply(
        Format,
        _matrix!.Pointer,
        QuantFormats.RowBytes(Format, Columns),
        Columns,
        0,
        Rows,
        _activations!,
        null,
        Tokens,
        _y!.Pointer,
        Rows,
        _scratch!);

    private static int RowsOf(QuantFormat format, int tokens) =>
        tokens > 1 ? PrefillRows : (int)(MatrixBytes / QuantFormats.RowBytes(format, Columns));

    private sealed class WithRates : ManualConfig
    {
        public WithRates() => AddColumn(
            new RateColumn(
                "GB/s",
                (format, tokens) =>
                    (double)RowsOf(format, tokens) * QuantFormats.RowBytes(format, Columns)),
            new RateColumn(
                "GFLOP/s", (format, tokens) => 2.0 * RowsOf(format, tokens) * Columns * tokens));
    }

    /// <summary>Work per nanosecond of the median.</summary>
    private sealed class RateColumn(string name, Func<QuantFormat, int, double> work) : IColumn
    {
        public string Id => nameof(RateColumn) + name;

        public string ColumnName => name;

        public bool AlwaysShow => true;

        public ColumnCategory Category => ColumnCategory.Custom;

        public int PriorityInCategory => 0;

        public bool IsNumeric => true;

        public UnitType UnitType => UnitType.Dimensionless;

        public string Legend => $"{name} of the median";

        public string GetValue(Summary summary, BenchmarkCase benchmarkCase)
        {
            var parameters = benchmarkCase.Parameters;
            double amount = work(
                (QuantFormat)parameters[nameof(Format)], (int)parameters[nameof(Tokens)]);
            double? median = summary[benchmarkCase]?.ResultStatistics?.Median;
            return median is null ? "NA" : $"{amount / median:F1}";
        }

        public string GetValue(
            Summary summary, BenchmarkCase benchmarkCase, SummaryStyle style) =>
            GetValue(summary, benchmarkCase);

        public bool IsDefault(Summary summary, BenchmarkCase benchmarkCase) => false;

        public bool IsAvailable(Summary summary) => true;
    }
}
