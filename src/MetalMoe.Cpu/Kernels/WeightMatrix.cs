using MetalMoe.Core.Plan;
using MetalMoe.Core.Quants;
using MetalMoe.Core.Tensors;
using MetalMoe.Cpu.Linear;

namespace MetalMoe.Cpu.Kernels;

/// <summary>Activation rows that take part in a product: Index[0..Count), or 0..Count without
/// an index.</summary>
internal readonly unsafe struct RowSet(int* index, int count)
{
    public int* Index { get; } = index;

    public int Count { get; } = count;
}

/// <summary>A weight in its file layout, ready for products with activation rows.</summary>
internal sealed unsafe class WeightMatrix(Weight weight)
{
    private readonly byte* _rows = (byte*)weight.Address;

    public int Columns { get; } = checked((int)weight.Columns);

    public int Rows { get; } = checked((int)weight.Rows);

    public QuantFormat Format { get; } = weight.Format;

    public bool NeedsQuantized => LinearKernel.NeedsQuantized(Format);

    /// <summary>How the rows of this matrix are cut into units.</summary>
    public UnitSplit Split(int threads) => new(Rows, weight.RowBytes, threads);

    /// <summary>
    /// y[i, r] = row (first + r) of the weight times the i-th chosen activation row, for r in
    /// [0, count).
    /// </summary>
    public void Multiply(
        long first, int count, ActivationRows x, RowSet rows, float* y, long yStride,
        LinearScratch scratch)
    {
        LinearKernel.Multiply(
            Format, _rows + (first * weight.RowBytes), weight.RowBytes, Columns, 0, count, x,
            rows.Index, rows.Count, y, yStride, scratch);
    }
}

/// <summary>
/// Output rows that make a unit, for a step of few tokens and for one of many. Any choice gives
/// the same bits. Few tokens read weights as a stream, so a unit is long, because what is
/// prefetched beyond its end was for another thread; many tokens compute, so that units are
/// small, and threads finish together.
/// </summary>
internal sealed class UnitSplit
{
    /// <summary>Steps with at most this many tokens are read as a stream.</summary>
    public const int FewTokens = 4;

    private const long StreamBytes = 512 * 1024;
    private const int FewUnitsPerThread = 2;

    // Experts have few rows each; this leaves every thread several of their units.
    private const int FewExpertUnitsPerThread = 8;
    private const int ManyUnitsPerThread = 6;
    private const int LargestMany = 64;

    private readonly int _few;
    private readonly int _many;

    /// <param name="rows">Rows of the matrix.</param>
    /// <param name="rowBytes">Bytes of a row.</param>
    /// <param name="threads">Threads.</param>
    /// <param name="matrices">Matrices of this shape that one token uses at a time.</param>
    public UnitSplit(int rows, long rowBytes, int threads, int matrices = 1)
    {
        long all = (long)rows * matrices;
        long share =
            all / (threads * (matrices > 1 ? FewExpertUnitsPerThread : FewUnitsPerThread));
        _few = Round(Math.Min(Math.Min(share, StreamBytes / rowBytes), rows), rows);
        _many = Round(Math.Min(all / (threads * ManyUnitsPerThread), LargestMany), LargestMany);
    }

    /// <summary>Rows of a unit in a step of this many tokens.</summary>
    public int RowsFor(int tokens) => tokens <= FewTokens ? _few : _many;

    /// <summary>The most values that one unit of at most this many tokens computes.</summary>
    public long LargestOutput(int maxTokens) =>
        Math.Max((long)Math.Min(maxTokens, FewTokens) * _few, (long)maxTokens * _many);

    private static int Round(long rows, int most) =>
        (int)Math.Clamp((rows + 7) / 8 * 8, 8, Math.Max(8, (most + 7) / 8 * 8));
}

/// <summary>One expert's rows of a stack: gate, up or down.</summary>
internal sealed unsafe class ExpertMatrix(ExpertStack stack)
{
    private readonly WeightMatrix _matrix = new(stack.Matrix);

    public int Rows => stack.Rows;

    public bool NeedsQuantized => _matrix.NeedsQuantized;

    /// <summary>How the rows of an expert are cut into units.</summary>
    /// <param name="threads">Threads.</param>
    /// <param name="experts">Experts whose units run at the same time.</param>
    public UnitSplit Split(int threads, int experts) =>
        new(Rows, stack.Matrix.RowBytes, threads, experts);

    public void Multiply(
        int expert, int first, int count, ActivationRows x, RowSet rows, float* y, long yStride,
        LinearScratch scratch) => _matrix.Multiply(
            ((long)expert * stack.RowsPerExpert) + stack.RowOffset + first, count, x, rows, y,
            yStride, scratch);
}
