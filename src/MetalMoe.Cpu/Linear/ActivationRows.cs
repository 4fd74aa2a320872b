using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MetalMoe.Cpu.Linear;

/// <summary>
/// A batch of activation rows prepared once for any number of weight matrices: the binary32 rows as
/// given and, after <see cref="Quantize"/>, their 16-bit form. Memory is allocated once for the
/// largest batch.
/// <para>Numerics: a row is cut into blocks of 256 values (the last one padded with zeros), x ~ s
/// * q
/// with s = max|x| / 32639 and q the nearest integer, ties to even, so that q = 256 * h + l with h
/// and l in [-128, 127]. A block that holds an infinity
/// or
/// a NaN gets s = NaN and q = 0, so that every product with it is NaN. A block whose largest
/// magnitude
/// is below 2^-110 is taken as zero (1 / s would overflow).</para>
/// </summary>
internal sealed unsafe class ActivationRows : IDisposable
{
    /// <summary>Values that share one scale.</summary>
    public const int BlockSize = 256;

    private const float Levels = (127 * 256) + 127;

    /// <summary>2^-110 as bits; the bits of non-negative floats order as the floats do.</summary>
    private const int SmallestBits = (127 - 110) << 23;

    private const int InfinityBits = 0x7f800000;

    private readonly int _maxRows;
    private readonly int _maxColumns;
    private readonly NativeArray<short> _values;
    private readonly NativeArray<byte> _bytes;
    private readonly NativeArray<float> _scales;
    private readonly NativeArray<float> _sums16;
    private readonly NativeArray<float> _sums32;

    public ActivationRows(int maxRows, int maxColumns)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxRows);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxColumns);
        _maxRows = maxRows;
        _maxColumns = maxColumns;
        int blocks = BlocksOf(maxColumns);
        _values = new NativeArray<short>((long)maxRows * ValueStrideOf(blocks));
        _bytes = new NativeArray<byte>((long)maxRows * blocks * ActivationBytes.BlockBytes);
        _scales = new NativeArray<float>((long)maxRows * ScaleStrideOf(blocks));
        _sums16 = new NativeArray<float>((long)maxRows * blocks * 16);
        _sums32 = new NativeArray<float>((long)maxRows * Sum32StrideOf(blocks));
    }

    /// <summary>Rows of the batch, T.</summary>
    public int RowCount { get; private set; }

    /// <summary>Values of a row.</summary>
    public int Columns { get; private set; }

    /// <summary>Native memory held.</summary>
    public long Bytes =>
        _values.Bytes + _bytes.Bytes + _scales.Bytes + _sums16.Bytes + _sums32.Bytes;

    private float* Rows { get; set; }

    private long RowStride { get; set; }

    private int Blocks { get; set; }

    /// <summary>
    /// Makes this the batch at <paramref name="rows"/> [rowCount, columns]. Costs nothing; the rows
    /// must stay until the last product. The 16-bit form is stale until <see cref="Quantize"/>.
    /// </summary>
    /// <param name="rows">First value of the first row.</param>
    /// <param name="rowStride">Elements from row to row.</param>
    /// <param name="rowCount">Rows, T.</param>
    /// <param name="columns">Values of a row.</param>
    public void Attach(float* rows, long rowStride, int rowCount, int columns)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(rowCount, _maxRows);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(columns, _maxColumns);
        Rows = rows;
        RowStride = rowStride;
        RowCount = rowCount;
        Columns = columns;
        Blocks = BlocksOf(columns);
    }

    /// <summary>
    /// Computes the 16-bit form of rows [firstRow, firstRow + count). Threads may work on different
    /// rows at the same time; every row must be done before a product needs it.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Quantize(int firstRow, int count)
    {
        for (int row = firstRow; row < firstRow + count; row++)
        {
            float* source = RowAt(row);
            short* values = ValuesAt(row);
            float* scales = ScalesAt(row);
            for (int block = 0; block < Blocks; block++)
            {
                int start = block * BlockSize;
                int length = Math.Min(BlockSize, Columns - start);
                float scale = QuantizeBlock(source + start, length, values + start);
                scales[block] = scale;
                ActivationBytes.Split(
                    values + start, BytesAt(row) + (block * ActivationBytes.BlockBytes));
                Sum(
                    values + start, scale, Sums16At(row) + (block * 16),
                    Sums32At(row) + (block * 8));
            }
            if (Blocks % 2 != 0)
            {
                Vector256<float>.Zero.Store(Sums32At(row) + (Blocks * 8));
            }
        }
    }

    public void Dispose()
    {
        _values.Dispose();
        _bytes.Dispose();
        _scales.Dispose();
        _sums16.Dispose();
        _sums32.Dispose();
    }

    internal float* RowAt(int row) => Rows + (row * RowStride);

    internal short* ValuesAt(int row) => _values.Pointer + ((long)row * ValueStrideOf(Blocks));

    /// <summary>The 16-bit form once more as bytes, see <see cref="ActivationBytes"/>.</summary>
    internal byte* BytesAt(int row) =>
        _bytes.Pointer + ((long)row * Blocks * ActivationBytes.BlockBytes);

    internal float* ScalesAt(int row) => _scales.Pointer + ((long)row * ScaleStrideOf(Blocks));

    /// <summary>Scale times the sum of each 16 consecutive integers.</summary>
    internal float* Sums16At(int row) => _sums16.Pointer + ((long)row * Blocks * 16);

    /// <summary>
    /// Scale times the sum of each 32 consecutive integers, padded to a multiple of 16 entries.
    /// </summary>
    internal float* Sums32At(int row) => _sums32.Pointer + ((long)row * Sum32StrideOf(Blocks));

    private static int BlocksOf(int columns) => (columns + BlockSize - 1) / BlockSize;

    /// <summary>Scales are read eight at a time.</summary>
    private static int ScaleStrideOf(int blocks) => (blocks + 7) / 8 * 8;

    private static int Sum32StrideOf(int blocks) => (blocks + 1) / 2 * 16;

    /// <summary>
    /// Rows start 512 bytes further on within a 4 KiB page each, so that the same block of 16 rows
    /// does not fall
    /// into the same few sets of the first-level cache.
    /// </summary>
    private static long ValueStrideOf(int blocks) => ((long)(blocks + 7) / 8 * 2048) + BlockSize;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float QuantizeBlock(float* source, int length, short* target)
    {
        int largest = LargestMagnitude(source, length);
        if (largest is < SmallestBits or >= InfinityBits)
        {
            new Span<short>(target, BlockSize).Clear();
            return largest < SmallestBits ? 0f : float.NaN;
        }
        float magnitude = BitConverter.Int32BitsToSingle(largest);
        float inverse = Levels / magnitude;
        int i = 0;
        for (; i + 16 <= length; i += 16)
        {
            var low = Vector256.Round(Vector256.Load(source + i) * inverse);
            var high = Vector256.Round(Vector256.Load(source + i + 8) * inverse);
            Vector256.Narrow(
                    Vector256.ConvertToInt32Native(low), Vector256.ConvertToInt32Native(high))
                .Store(target + i);
        }
        for (; i < length; i++)
        {
            target[i] = (short)MathF.Round(source[i] * inverse);
        }
        new Span<short>(target + length, BlockSize - length).Clear();
        return magnitude / Levels;
    }

    /// <summary>The bits of max|x|; non-finite values compare above all finite ones.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int LargestMagnitude(float* source, int length)
    {
        var mask = Vector256.Create(int.MaxValue);
        var largest = Vector256<int>.Zero;
        int i = 0;
        for (; i + 8 <= length; i += 8)
        {
            largest = Vector256.Max(largest, Vector256.Load((int*)source + i) & mask);
        }
        int result = 0;
        for (int lane = 0; lane < 8; lane++)
        {
            result = Math.Max(result, largest.GetElement(lane));
        }
        for (; i < length; i++)
        {
            result = Math.Max(result, ((int*)source)[i] & int.MaxValue);
        }
        return result;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Sum(short* values, float scale, float* sums16, float* sums32)
    {
        for (int i = 0; i < 8; i++)
        {
            int first = Sum16(values + (32 * i));
            int second = Sum16(values + (32 * i) + 16);
            sums16[2 * i] = scale * first;
            sums16[(2 * i) + 1] = scale * second;
            sums32[i] = scale * (first + second);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Sum16(short* values)
    {
        var (low, high) = Vector256.Widen(Vector256.Load(values));
        return Vector256.Sum(low + high);
    }
}
