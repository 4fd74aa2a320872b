using System.Runtime.InteropServices;
using MetalMoe.Core.Quants;
using MetalMoe.Cpu.Linear;

namespace MetalMoe.Cpu.Tests.Linear;

/// <summary>
/// Weights, activations and everything needed to multiply them with the product, and in double
/// precision with an error bound beside each output.
/// </summary>
internal sealed unsafe class LinearProblem : IDisposable
{
    private readonly NativeArray<byte> _matrix;
    private readonly NativeArray<float> _x;
    private readonly ActivationRows _activations;
    private readonly LinearScratch _scratch;
    private readonly byte[] _bytes;

    public LinearProblem(
        QuantFormat format,
        int rows,
        int columns,
        int tokens,
        int seed,
        WeightFill fill = WeightFill.Ordinary,
        Action<float[]>? shape = null)
    {
        Format = format;
        Rows = rows;
        Columns = columns;
        Tokens = tokens;
        RowBytes = QuantFormats.RowBytes(format, columns);
        _bytes = RandomWeights.Create(format, rows, columns, seed, fill);
        X = CreateActivations(tokens * columns, seed + 1);
        shape?.Invoke(X);
        // Exactly as long as the data, so that reads beyond the end have a chance to be seen.
        _matrix = new NativeArray<byte>(_bytes.Length);
        _bytes.CopyTo(new Span<byte>(_matrix.Pointer, _bytes.Length));
        _x = new NativeArray<float>(X.Length);
        X.CopyTo(new Span<float>(_x.Pointer, X.Length));
        _activations = new ActivationRows(tokens, columns);
        _activations.Attach(_x.Pointer, columns, tokens, columns);
        if (LinearKernel.NeedsQuantized(format))
        {
            _activations.Quantize(0, tokens);
        }
        _scratch = new LinearScratch(columns);
    }

    public QuantFormat Format { get; }

    public int Rows { get; }

    public int Columns { get; }

    public int Tokens { get; }

    public long RowBytes { get; }

    public float[] X { get; }

    /// <summary>All outputs [T, rows], in one call.</summary>
    public float[] Multiply()
    {
        float[] y = NaNs(Tokens * Rows);
        MultiplyInto(y, 0, Rows, null);
        return y;
    }

    /// <summary>Rows [firstRow, firstRow + rowCount) for the tokens listed (null: all).</summary>
    public void MultiplyInto(float[] y, int firstRow, int rowCount, int[]? tokens)
    {
        fixed (float* output = y)
        fixed (int* index = tokens)
        {
            LinearKernel.Multiply(
                Format, _matrix.Pointer, RowBytes, Columns, firstRow, rowCount, _activations,
                index, tokens?.Length ?? Tokens, output, Rows, _scratch);
        }
    }

    /// <summary>All outputs on a given register width.</summary>
    public float[] MultiplyOn<L>(int tokens)
        where L : struct, Simd.ILanes<L>
    {
        float[] y = NaNs(tokens * Rows);
        fixed (float* output = y)
        {
            var task = new LinearTask
            {
                Matrix = _matrix.Pointer,
                RowBytes = RowBytes,
                Columns = Columns,
                FirstRow = 0,
                RowCount = Rows,
                Activations = _activations,
                TokenIndex = null,
                TokenCount = tokens,
                Output = output,
                OutputStride = Rows,
                Scratch = _scratch,
            };
            LinearKernel.Dispatch<L>(Format, task);
        }
        return y;
    }

    /// <summary>
    /// The largest error as a fraction of its bound, over all outputs.
    /// <para>Bound: activations are rounded to half a step of max|x| / 32767 of their block, so at
    /// most
    /// sum |w| * max / 65534 (1 % is left for the rounding of the step itself); every one of the
    /// binary32 operations in a row, and the reference decoder, rounds by 2^-24 of at most
    /// sum (|code part| + |minimum part|) |x|. A block below 2^-110 counts as lost whole.</para>
    /// </summary>
    public double WorstError(float[] y)
    {
        var weights = new float[Columns];
        var codes = new float[Columns];
        byte[] withoutMinimums = (byte[])_bytes.Clone();
        bool hasMinimums = RandomWeights.RemoveMinimums(Format, withoutMinimums);
        double worst = 0;
        for (int r = 0; r < Rows; r++)
        {
            QuantDecoder.DecodeRow(Format, RowOf(_bytes, r), weights);
            QuantDecoder.DecodeRow(Format, RowOf(withoutMinimums, r), codes);
            for (int t = 0; t < Tokens; t++)
            {
                var x = X.AsSpan(t * Columns, Columns);
                var (expected, bound) = Reference(weights, hasMinimums ? codes : weights, x);
                double error = Math.Abs(y[(t * Rows) + r] - expected);
                double ratio = error == 0 ? 0 : error / bound;
                worst = ratio <= worst ? worst : ratio; // NaN is worse than anything
            }
        }
        return worst;
    }

    public void Dispose()
    {
        _matrix.Dispose();
        _x.Dispose();
        _activations.Dispose();
        _scratch.Dispose();
    }

    public static float[] NaNs(int count)
    {
        var values = new float[count];
        Array.Fill(values, float.NaN);
        return values;
    }

    public static byte[] Bits(float[] values) => MemoryMarshal.AsBytes<float>(values).ToArray();

    private ReadOnlySpan<byte> RowOf(byte[] bytes, int row) =>
        bytes.AsSpan((int)(row * RowBytes), (int)RowBytes);

    private (double Value, double Bound) Reference(float[] w, float[] codes, Span<float> x)
    {
        double value = 0;
        double magnitude = 0;
        double rounding = 0;
        for (int start = 0; start < Columns; start += ActivationRows.BlockSize)
        {
            int end = Math.Min(Columns, start + ActivationRows.BlockSize);
            double largest = 0;
            double weight = 0;
            for (int k = start; k < end; k++)
            {
                value += (double)w[k] * x[k];
                double code = Math.Abs((double)codes[k]) + Math.Abs((double)codes[k] - w[k]);
                magnitude += code * Math.Abs(x[k]);
                largest = Math.Max(largest, Math.Abs(x[k]));
                weight += Math.Abs(w[k]);
            }
            rounding += weight * (largest < Math.Pow(2, -110) ? largest : largest / 65534 * 1.01);
        }
        bool exact = !LinearKernel.NeedsQuantized(Format);
        int steps = (Columns / (exact ? 16 : 32)) + 12;
        double bound = (magnitude * steps * Math.Pow(2, -24)) + (exact ? 0 : rounding);
        // Below 2^-126 each operation rounds by up to 2^-150 whatever its size.
        return (value, bound + (Columns * Math.Pow(2, -150)));
    }

    private static float[] CreateActivations(int count, int seed)
    {
        var random = new Random(seed);
        var x = new float[count];
        for (int i = 0; i < count; i++)
        {
            x[i] = (2 * random.NextSingle()) - 1;
        }
        return x;
    }
}
