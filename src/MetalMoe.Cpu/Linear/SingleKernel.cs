using System.Runtime.CompilerServices;
using MetalMoe.Cpu.Simd;

namespace MetalMoe.Cpu.Linear;

/// <summary>A format without blocks, exact in binary32.</summary>
internal unsafe interface ISingleFormat
{
    static abstract int Bytes { get; }

    /// <summary>16 values as binary32.</summary>
    static abstract L Load<L>(void* source)
        where L : struct, ILanes<L>;
}

internal readonly unsafe struct F32Format : ISingleFormat
{
    public static int Bytes => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L Load<L>(void* source)
        where L : struct, ILanes<L> => L.Load(source);
}

internal readonly unsafe struct F16Format : ISingleFormat
{
    public static int Bytes => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L Load<L>(void* source)
        where L : struct, ILanes<L> => L.LoadHalf((ushort*)source);
}

internal readonly unsafe struct BF16Format : ISingleFormat
{
    public static int Bytes => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L Load<L>(void* source)
        where L : struct, ILanes<L> => L.LoadBFloat16((ushort*)source);
}

/// <summary>
/// Products of F32, F16 and BF16 weights with the binary32 activations: column e is added in lane
/// e mod 16 by a fused multiply-add, in ascending order.
/// </summary>
internal readonly unsafe struct SingleKernel<L, TFormat> : IWeightKernel<L>
    where L : struct, ILanes<L>
    where TFormat : struct, ISingleFormat
{
    public static int BlockColumns => SingleTile<L>.BlockColumns;

    public static int ValueBytes => sizeof(float);

    public static int ScalesPerBlock => 0;

    public static int ColumnsPerMinimum => 0;

    public static void DotRows(
        byte* rows, int count, int columns, TokenRow* tokens, int tokenCount,
        LinearScratch scratch)
    {
        long rowBytes = (long)columns * TFormat.Bytes;
        for (int t = 0; t < tokenCount; t++)
        {
            float* totals = scratch.Accumulators + (16 * LinearScratch.RowsAtOnce * t);
            for (int r = 0; r < count; r += 2)
            {
                byte* row = rows + (r * rowBytes);
                byte* next = r + 1 < count ? row + rowBytes : row;
                DotPair(row, next, columns, tokens + t, scratch.Work, totals + (16 * r));
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void DotPair(
        byte* a,
        byte* b,
        int columns,
        TokenRow* token,
        float* work,
        float* totals)
    {
        float* x = (float*)token->Values;
        L totalA = L.Zero;
        L totalB = L.Zero;
        int k = 0;
        for (; k + 16 <= columns; k += 16)
        {
            L v = L.Load(x + k);
            long at = (long)k * TFormat.Bytes;
            L.Prefetch(a + at + WeightStream.PrefetchBytes);
            L.Prefetch(b + at + WeightStream.PrefetchBytes);
            totalA = L.FusedMultiplyAdd(TFormat.Load<L>(a + at), v, totalA);
            totalB = L.FusedMultiplyAdd(TFormat.Load<L>(b + at), v, totalB);
        }
        if (k < columns)
        {
            long at = (long)k * TFormat.Bytes;
            L weightsA = LoadTail(a + at, columns - k);
            L weightsB = LoadTail(b + at, columns - k);
            new Span<float>(work, 16).Clear();
            new ReadOnlySpan<float>(x + k, columns - k).CopyTo(new Span<float>(work, 16));
            totalA = L.FusedMultiplyAdd(weightsA, L.Load(work), totalA);
            totalB = L.FusedMultiplyAdd(weightsB, L.Load(work), totalB);
        }
        L.Store(totals, totalA);
        L.Store(totals + 16, totalB);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void UnpackRow(byte* row, int columns, in PanelRow target, float* work)
    {
        byte* values = target.Values;
        for (int start = 0; start < columns; start += BlockColumns)
        {
            int end = Math.Min(columns, start + BlockColumns);
            for (int k = start; k < end; k += 16)
            {
                byte* from = row + ((long)k * TFormat.Bytes);
                L.Store(
                    values + ((k - start) * sizeof(float)),
                    end - k >= 16 ? TFormat.Load<L>(from) : LoadTail(from, end - k));
            }
            values += target.ValueStride;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddTile(
        byte* values,
        float* scales,
        TokenRow* tokens,
        int block,
        int columns,
        int rows,
        in TileMemory tile)
    {
        int count = Math.Min(BlockColumns, columns - (block * BlockColumns));
        count = (count + 15) / 16 * 16;
        SingleTile<L>.AddBlock((float*)values, tokens, block, count, rows, tile);
    }

    /// <summary>The last 1 to 15 weights of a row, padded with zeros.</summary>
    [SkipLocalsInit]
    private static L LoadTail(byte* source, int count)
    {
        byte* padded = stackalloc byte[64];
        new Span<byte>(padded, 64).Clear();
        int bytes = count * TFormat.Bytes;
        new ReadOnlySpan<byte>(source, bytes).CopyTo(new Span<byte>(padded, 64));
        return TFormat.Load<L>(padded);
    }
}
