using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using MetalMoe.Cpu.Simd;

namespace MetalMoe.Cpu.Linear;

/// <summary>
/// Products of the 32-value formats. Of each 32 columns lane i of 16 is the exact int32 sum of the
/// products of columns 2i and 2i + 1. Over the up to 8 blocks of 256 columns, partial = fma(that,
/// weight scale, partial); then accumulator = fma(partial, activation scale, accumulator). Minimums
/// as in <see cref="SuperBlockKernel{L, TFormat}"/>.
/// </summary>
internal readonly unsafe struct SmallBlockKernel<L, TFormat> : IWeightKernel<L>
    where L : struct, ILanes<L>
    where TFormat : struct, ISmallBlockFormat
{
    public static int BlockColumns => 256;

    public static int ValueBytes => sizeof(short);

    public static int ScalesPerBlock => 8;

    public static int ColumnsPerMinimum => TFormat.HasMinimum ? 32 : 0;

    public static void DotRows(
        byte* rows, int count, int columns, TokenRow* tokens, int tokenCount,
        LinearScratch scratch)
    {
        long rowBytes = (long)columns / 32 * TFormat.BlockBytes;
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
        short* x = (short*)token->Values;
        int blocks = columns / 32;
        L.Store(totals, L.Zero);
        L.Store(totals + 16, L.Zero);
        for (int first = 0; first < blocks; first += 8)
        {
            int count = Math.Min(8, blocks - first);
            long offset = (long)first * TFormat.BlockBytes;
            TFormat.Scales(a + offset, count, work);
            TFormat.Scales(b + offset, count, work + 8);
            work[16] = token->Scales[first / 8];
            WeightStream.PrefetchBlocks<L>(a + offset, count * TFormat.BlockBytes);
            WeightStream.PrefetchBlocks<L>(b + offset, count * TFormat.BlockBytes);
            AddBlocks(a + offset, b + offset, x + (first * 32), count, work, totals);
        }
        if (TFormat.HasMinimum)
        {
            SubtractMinimums(a, blocks, token->Sums, work, totals);
            SubtractMinimums(b, blocks, token->Sums, work, totals + 16);
        }
    }

    /// <summary>
    /// Up to 8 blocks of two rows. The scratch holds their scales and that of the activations.
    /// Makes no calls, so that everything stays in registers.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void AddBlocks(
        byte* a, byte* b, short* x, int count, float* work, float* totals)
    {
        L partialA = L.Zero;
        L partialB = L.Zero;
        if (count == 8)
        {
            AddFour(a, b, x, work, ref partialA, ref partialB);
            a += 4 * TFormat.BlockBytes;
            b += 4 * TFormat.BlockBytes;
            AddFour(a, b, x + 128, work + 4, ref partialA, ref partialB);
        }
        else
        {
            for (int i = 0; i < count; i++)
            {
                L v = L.Load(x + (32 * i));
                partialA = Add(partialA, TFormat.Weights<L>(a), v, work + i);
                partialB = Add(partialB, TFormat.Weights<L>(b), v, work + 8 + i);
                a += TFormat.BlockBytes;
                b += TFormat.BlockBytes;
            }
        }
        L scale = L.Broadcast(work + 16);
        L.Store(totals, L.FusedMultiplyAdd(partialA, scale, L.Load(totals)));
        L.Store(totals + 16, L.FusedMultiplyAdd(partialB, scale, L.Load(totals + 16)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddFour(
        byte* a, byte* b, short* x, float* scales, ref L partialA, ref L partialB)
    {
        L v = L.Load(x);
        L sumA = Add(partialA, TFormat.Weights<L>(a), v, scales);
        L sumB = Add(partialB, TFormat.Weights<L>(b), v, scales + 8);
        v = L.Load(x + 32);
        sumA = Add(sumA, TFormat.Weights<L>(a + TFormat.BlockBytes), v, scales + 1);
        sumB = Add(sumB, TFormat.Weights<L>(b + TFormat.BlockBytes), v, scales + 9);
        v = L.Load(x + 64);
        sumA = Add(sumA, TFormat.Weights<L>(a + (2 * TFormat.BlockBytes)), v, scales + 2);
        sumB = Add(sumB, TFormat.Weights<L>(b + (2 * TFormat.BlockBytes)), v, scales + 10);
        v = L.Load(x + 96);
        partialA = Add(sumA, TFormat.Weights<L>(a + (3 * TFormat.BlockBytes)), v, scales + 3);
        partialB = Add(sumB, TFormat.Weights<L>(b + (3 * TFormat.BlockBytes)), v, scales + 11);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void UnpackRow(byte* row, int columns, in PanelRow target, float* work)
    {
        byte* values = target.Values;
        float* scales = target.Scales;
        int blocks = columns / 32;
        if (TFormat.HasMinimum)
        {
            for (int first = 0; first < blocks; first += 16)
            {
                byte* block = row + ((long)first * TFormat.BlockBytes);
                L.Store(target.Minimums + first, MinimumGroup(block, blocks - first, work));
            }
        }
        for (int first = 0; first < blocks; first += 8)
        {
            int count = Math.Min(8, blocks - first);
            WeightStream.PrefetchBlocks<L>(row, count * TFormat.BlockBytes);
            TFormat.Scales(row, count, scales);
            for (int i = 0; i < count; i++)
            {
                L.Store(values + (64 * i), TFormat.Weights<L>(row));
                row += TFormat.BlockBytes;
            }
            values += target.ValueStride;
            scales += target.ScaleStride;
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
        int count = Math.Min(8, (columns / 32) - (block * 8));
        ScaledTile<L>.AddBlock((short*)values, scales, tokens, block, count, rows, tile);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void SubtractMinimums(
        byte* row, int blocks, float* sums, float* work, float* total)
    {
        L part = L.Zero;
        for (int first = 0; first < blocks; first += 16)
        {
            L minimums = MinimumGroup(row, blocks - first, work);
            part = L.FusedMultiplyAdd(minimums, L.Load(sums), part);
            sums += 16;
            row += 16 * TFormat.BlockBytes;
        }
        L.Store(total, L.SubtractSingle(L.Load(total), part));
    }

    /// <summary>
    /// The minimums of up to 16 blocks. Places that are left hold anything finite: the sums they
    /// are multiplied with are zero.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static L MinimumGroup(byte* block, int blocks, float* work)
    {
        TFormat.Offsets(block, Math.Min(8, blocks), work);
        if (blocks > 8)
        {
            byte* next = block + (8 * TFormat.BlockBytes);
            TFormat.Offsets(next, Math.Min(8, blocks - 8), work + 8);
        }
        return L.Combine(-Vector256.Load(work), -Vector256.Load(work + 8));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static L Add(L partial, L weights, L x, float* scale)
    {
        L products = L.ToSingle(L.MultiplyAddAdjacent(weights, x));
        return L.FusedMultiplyAdd(products, L.Broadcast(scale), partial);
    }
}
