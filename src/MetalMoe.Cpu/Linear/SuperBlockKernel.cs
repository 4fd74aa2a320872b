using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using MetalMoe.Cpu.Simd;

namespace MetalMoe.Cpu.Linear;

/// <summary>
/// Products of the 256-value formats. Of each block lane i of 16 adds, in int32 and exactly, the
/// products of columns 32m + 2i and 32m + 2i + 1; then accumulator = fma(that, weight scale *
/// activation scale, accumulator). Minimum j of the row is added in lane j mod 16 of a second
/// accumulator as fma(minimum, scaled sum of its activations, accumulator), which is subtracted at
/// the end.
/// </summary>
internal readonly unsafe struct SuperBlockKernel<L, TFormat> : IWeightKernel<L>
    where L : struct, ILanes<L>
    where TFormat : struct, ISuperBlockFormat
{
    public static int BlockColumns => 256;

    public static int ValueBytes => sizeof(short);

    public static int ScalesPerBlock => 1;

    public static int ColumnsPerMinimum =>
        TFormat.MinimumsPerBlock == 0 ? 0 : 256 / TFormat.MinimumsPerBlock;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void DotPair(
        byte* a, byte* b, int columns, TokenRow* token, float* work, float* totals)
    {
        float* scalesA = work;
        float* scalesB = work + 8;
        int* subA = (int*)work + 16;
        int* subB = (int*)work + 32;
        short* x = (short*)token->Values;
        byte* blockA = a;
        byte* blockB = b;
        int blocks = columns / 256;
        L totalA = L.Zero;
        L totalB = L.Zero;
        for (int first = 0; first < blocks; first += 8)
        {
            int count = Math.Min(8, blocks - first);
            var scales = Vector256.Load(token->Scales + first);
            GatherScales(blockA, count, scalesA);
            GatherScales(blockB, count, scalesB);
            (Vector256.Load(scalesA) * scales).Store(scalesA);
            (Vector256.Load(scalesB) * scales).Store(scalesB);
            for (int i = 0; i < count; i++)
            {
                TFormat.SubScales(blockA, subA);
                TFormat.SubScales(blockB, subB);
                L v = L.Load(x);
                L sumA = L.MultiplyAddAdjacent(TFormat.Group<L>(blockA, subA, 0), v);
                L sumB = L.MultiplyAddAdjacent(TFormat.Group<L>(blockB, subB, 0), v);
                v = L.Load(x + 32);
                sumA = Add(sumA, TFormat.Group<L>(blockA, subA, 1), v);
                sumB = Add(sumB, TFormat.Group<L>(blockB, subB, 1), v);
                v = L.Load(x + 64);
                sumA = Add(sumA, TFormat.Group<L>(blockA, subA, 2), v);
                sumB = Add(sumB, TFormat.Group<L>(blockB, subB, 2), v);
                v = L.Load(x + 96);
                sumA = Add(sumA, TFormat.Group<L>(blockA, subA, 3), v);
                sumB = Add(sumB, TFormat.Group<L>(blockB, subB, 3), v);
                v = L.Load(x + 128);
                sumA = Add(sumA, TFormat.Group<L>(blockA, subA, 4), v);
                sumB = Add(sumB, TFormat.Group<L>(blockB, subB, 4), v);
                v = L.Load(x + 160);
                sumA = Add(sumA, TFormat.Group<L>(blockA, subA, 5), v);
                sumB = Add(sumB, TFormat.Group<L>(blockB, subB, 5), v);
                v = L.Load(x + 192);
                sumA = Add(sumA, TFormat.Group<L>(blockA, subA, 6), v);
                sumB = Add(sumB, TFormat.Group<L>(blockB, subB, 6), v);
                v = L.Load(x + 224);
                sumA = Add(sumA, TFormat.Group<L>(blockA, subA, 7), v);
                sumB = Add(sumB, TFormat.Group<L>(blockB, subB, 7), v);
                totalA = L.FusedMultiplyAdd(L.ToSingle(sumA), L.Broadcast(scalesA + i), totalA);
                totalB = L.FusedMultiplyAdd(L.ToSingle(sumB), L.Broadcast(scalesB + i), totalB);
                x += 256;
                blockA += TFormat.BlockBytes;
                blockB += TFormat.BlockBytes;
            }
        }
        if (TFormat.MinimumsPerBlock != 0)
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
        int* subScales = (int*)work;
        byte* values = target.Values;
        float* scale = target.Scales;
        int blocks = columns / 256;
        for (int b = 0; b < blocks; b++)
        {
            if (b % 8 == 0)
            {
                GatherScales(row, Math.Min(8, blocks - b), work + 16);
            }
            TFormat.SubScales(row, subScales);
            L.Store(values, TFormat.Group<L>(row, subScales, 0));
            L.Store(values + 64, TFormat.Group<L>(row, subScales, 1));
            L.Store(values + 128, TFormat.Group<L>(row, subScales, 2));
            L.Store(values + 192, TFormat.Group<L>(row, subScales, 3));
            L.Store(values + 256, TFormat.Group<L>(row, subScales, 4));
            L.Store(values + 320, TFormat.Group<L>(row, subScales, 5));
            L.Store(values + 384, TFormat.Group<L>(row, subScales, 6));
            L.Store(values + 448, TFormat.Group<L>(row, subScales, 7));
            *scale = work[16 + (b % 8)];
            row += TFormat.BlockBytes;
            values += target.ValueStride;
            scale += target.ScaleStride;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void UnpackMinimums(byte* row, int columns, float* target, float* work)
    {
        const int chunk = 8;
        int blocks = columns / 256;
        int perGroup = 16 / TFormat.MinimumsPerBlock;
        for (int first = 0; first < blocks; first += chunk)
        {
            int count = Math.Min(chunk, blocks - first);
            GatherMinimumScales(row, count, work);
            for (int i = 0; i < count; i += perGroup)
            {
                L.Store(target, MinimumGroup(row, count - i, work + i));
                target += 16;
                row += perGroup * TFormat.BlockBytes;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddTile(
        byte* values, float* scales, TokenRow* tokens, int block, int columns, in TileMemory tile)
        => IntegerTile<L>.AddBlock((short*)values, scales, tokens, block, tile.Accumulators, tile.Work);

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static L MinimumPart(byte* row, int blocks, float* sums, float* work)
    {
        int perGroup = 16 / TFormat.MinimumsPerBlock;
        L total = L.Zero;
        for (int first = 0; first < blocks; first += 8)
        {
            int count = Math.Min(8, blocks - first);
            GatherMinimumScales(row, count, work);
            for (int i = 0; i < count; i += perGroup)
            {
                L minimums = MinimumGroup(row, count - i, work + i);
                total = L.FusedMultiplyAdd(minimums, L.Load(sums), total);
                sums += 16;
                row += perGroup * TFormat.BlockBytes;
            }
        }
        return total;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static L MinimumGroup(byte* block, int blocks, float* scales)
    {
        L codes = TFormat.MinimumCodes<L>(block, blocks);
        return L.MultiplySingle(
            codes,
            TFormat.MinimumsPerBlock == 8 ? L.BroadcastHalves(scales) : L.Broadcast(scales));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void GatherScales(byte* block, int count, float* target) =>
        HalfFloat.Gather(block + TFormat.ScaleOffset, TFormat.BlockBytes, count, target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void GatherMinimumScales(byte* block, int count, float* target) =>
        HalfFloat.Gather(block + TFormat.MinimumScaleOffset, TFormat.BlockBytes, count, target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static L Add(L sum, L weights, L x) =>
        L.AddInt32(sum, L.MultiplyAddAdjacent(weights, x));
}
