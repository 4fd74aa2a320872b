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

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void DotPair(
        byte* a, byte* b, int columns, TokenRow* token, float* work, float* totals)
    {
        float* scalesA = work;
        float* scalesB = work + 8;
        short* x = (short*)token->Values;
        byte* blockA = a;
        byte* blockB = b;
        int blocks = columns / 32;
        L totalA = L.Zero;
        L totalB = L.Zero;
        for (int first = 0; first < blocks; first += 8)
        {
            int count = Math.Min(8, blocks - first);
            TFormat.Scales(blockA, count, scalesA);
            TFormat.Scales(blockB, count, scalesB);
            L partialA = L.Zero;
            L partialB = L.Zero;
            for (int i = 0; i < count; i++)
            {
                L v = L.Load(x);
                partialA = Add(partialA, TFormat.Weights<L>(blockA), v, scalesA + i);
                partialB = Add(partialB, TFormat.Weights<L>(blockB), v, scalesB + i);
                blockA += TFormat.BlockBytes;
                blockB += TFormat.BlockBytes;
                x += 32;
            }
            L scale = L.Broadcast(token->Scales + (first / 8));
            totalA = L.FusedMultiplyAdd(partialA, scale, totalA);
            totalB = L.FusedMultiplyAdd(partialB, scale, totalB);
        }
        if (TFormat.HasMinimum)
        {
            totalA = L.SubtractSingle(totalA, MinimumPart(a, blocks, token->Sums, work));
            totalB = L.SubtractSingle(totalB, MinimumPart(b, blocks, token->Sums, work));
        }
        L.Store(totals, totalA);
        L.Store(totals + 16, totalB);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void UnpackRow(byte* row, int columns, in PanelRow target, float* work)
    {
        byte* values = target.Values;
        float* scales = target.Scales;
        int blocks = columns / 32;
        for (int first = 0; first < blocks; first += 8)
        {
            int count = Math.Min(8, blocks - first);
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

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void UnpackMinimums(byte* row, int columns, float* target, float* work)
    {
        int blocks = columns / 32;
        for (int first = 0; first < blocks; first += 16)
        {
            L.Store(target, MinimumGroup(row, blocks - first, work));
            target += 16;
            row += 16 * TFormat.BlockBytes;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddTile(
        byte* values, float* scales, TokenRow* tokens, int block, int columns, in TileMemory tile)
    {
        int count = Math.Min(8, (columns / 32) - (block * 8));
        ScaledTile<L>.AddBlock((short*)values, scales, tokens, block, count, tile.Accumulators);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static L MinimumPart(byte* row, int blocks, float* sums, float* work)
    {
        L total = L.Zero;
        for (int first = 0; first < blocks; first += 16)
        {
            L minimums = MinimumGroup(row, blocks - first, work);
            total = L.FusedMultiplyAdd(minimums, L.Load(sums), total);
            sums += 16;
            row += 16 * TFormat.BlockBytes;
        }
        return total;
    }

    /// <summary>
    /// The minimums of up to 16 blocks. Places that are left hold anything finite: the sums they are
    /// multiplied with are zero.
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
