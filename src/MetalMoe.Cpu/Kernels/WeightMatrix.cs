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

    /// <summary>
    /// Output rows that make a unit: enough bytes to be worth a hand-over, few enough that all
    /// threads have several units. Any choice gives the same bits.
    /// </summary>
    public static int RowsPerUnit(int rows, int threads)
    {
        const int Largest = 64;
        const int UnitsPerThread = 6;
        int share = rows / (threads * UnitsPerThread);
        return Math.Clamp((share + 7) / 8 * 8, 8, Largest);
    }

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

/// <summary>One expert's rows of a stack: gate, up or down.</summary>
internal sealed unsafe class ExpertMatrix(ExpertStack stack)
{
    private readonly WeightMatrix _matrix = new(stack.Matrix);

    public int Rows => stack.Rows;

    public bool NeedsQuantized => _matrix.NeedsQuantized;

    public void Multiply(
        int expert, int first, int count, ActivationRows x, RowSet rows, float* y, long yStride,
        LinearScratch scratch) => _matrix.Multiply(
            ((long)expert * stack.RowsPerExpert) + stack.RowOffset + first, count, x, rows, y,
            yStride, scratch);
}
