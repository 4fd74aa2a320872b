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
    // Places in the scratch: scales and minimum scales of two rows (2 x 16), sub-scales (2 x 16),
    // the sums over the minimums and the integer minimums of a block.
    private const int PartA = 64;
    private const int PartB = 80;
    private const int Minimums = 96;

    public static int BlockColumns => 256;

    public static int ValueBytes => sizeof(short);

    public static int ScalesPerBlock => 1;

    public static int ColumnsPerMinimum =>
        TFormat.MinimumsPerBlock == 0 ? 0 : 256 / TFormat.MinimumsPerBlock;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void DotPair(
        byte* a,
        byte* b,
        int columns,
        TokenRow* token,
        float* work,
        float* totals)
    {
        short* x = (short*)token->Values;
        int blocks = columns / 256;
        L.Store(totals, L.Zero);
        L.Store(totals + 16, L.Zero);
        L.Store(work + PartA, L.Zero);
        L.Store(work + PartB, L.Zero);
        for (int first = 0; first < blocks; first += 8)
        {
            int count = Math.Min(8, blocks - first);
            long offset = (long)first * TFormat.BlockBytes;
            TFormat.Scales(a + offset, count, work);
            TFormat.Scales(b + offset, count, work + 16);
            var scales = Vector256.Load(token->Scales + first);
            (Vector256.Load(work) * scales).Store(work);
            (Vector256.Load(work + 16) * scales).Store(work + 16);
            float* sums = token->Sums + ((long)first * TFormat.MinimumsPerBlock);
            AddBlocks(a + offset, b + offset, x + (first * 256), sums, count, work, totals);
        }
        if (TFormat.MinimumsPerBlock != 0)
        {
            SubtractMinimums(totals, work + PartA);
            SubtractMinimums(totals + 16, work + PartB);
        }
    }

    /// <summary>
    /// Up to 8 blocks of two rows; the scratch holds the scales and collects the
    /// minimums' part. Makes no calls, so that everything stays in registers.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void AddBlocks(
        byte* a, byte* b, short* x, float* sums, int count, float* work, float* totals)
    {
        int* subA = (int*)work + 32;
        int* subB = (int*)work + 48;
        byte* minimumsA = (byte*)(work + Minimums);
        byte* minimumsB = minimumsA + 16;
        float* partA = work + PartA;
        float* partB = work + PartB;
        L totalA = L.Load(totals);
        L totalB = L.Load(totals + 16);
        for (int i = 0; i < count; i++)
        {
            WeightStream.PrefetchBlock<L>(a, TFormat.BlockBytes);
            WeightStream.PrefetchBlock<L>(b, TFormat.BlockBytes);
            TFormat.Prepare(a, subA, minimumsA);
            TFormat.Prepare(b, subB, minimumsB);
            L v = L.Load(x);
            L sumA = L.MultiplyAddAdjacent(TFormat.Group<L>(a, subA, 0), v);
            L sumB = L.MultiplyAddAdjacent(TFormat.Group<L>(b, subB, 0), v);
            v = L.Load(x + 32);
            sumA = Add(sumA, TFormat.Group<L>(a, subA, 1), v);
            sumB = Add(sumB, TFormat.Group<L>(b, subB, 1), v);
            v = L.Load(x + 64);
            sumA = Add(sumA, TFormat.Group<L>(a, subA, 2), v);
            sumB = Add(sumB, TFormat.Group<L>(b, subB, 2), v);
            v = L.Load(x + 96);
            sumA = Add(sumA, TFormat.Group<L>(a, subA, 3), v);
            sumB = Add(sumB, TFormat.Group<L>(b, subB, 3), v);
            v = L.Load(x + 128);
            sumA = Add(sumA, TFormat.Group<L>(a, subA, 4), v);
            sumB = Add(sumB, TFormat.Group<L>(b, subB, 4), v);
            v = L.Load(x + 160);
            sumA = Add(sumA, TFormat.Group<L>(a, subA, 5), v);
            sumB = Add(sumB, TFormat.Group<L>(b, subB, 5), v);
            v = L.Load(x + 192);
            sumA = Add(sumA, TFormat.Group<L>(a, subA, 6), v);
            sumB = Add(sumB, TFormat.Group<L>(b, subB, 6), v);
            v = L.Load(x + 224);
            sumA = Add(sumA, TFormat.Group<L>(a, subA, 7), v);
            sumB = Add(sumB, TFormat.Group<L>(b, subB, 7), v);
            totalA = L.FusedMultiplyAdd(L.ToSingle(sumA), L.Broadcast(work + i), totalA);
            totalB = L.FusedMultiplyAdd(L.ToSingle(sumB), L.Broadcast(work + 16 + i), totalB);
            x += 256;
            a += TFormat.BlockBytes;
            b += TFormat.BlockBytes;
            if (TFormat.MinimumsPerBlock == 8)
            {
                // Eight minimums a block: even blocks take lanes 0..7, odd ones 8..15.
                int half = i % 2 * 8;
                AddEight(minimumsA, work + 8 + i, sums, partA + half);
                AddEight(minimumsB, work + 24 + i, sums, partB + half);
                sums += 8;
            }
            else if (TFormat.MinimumsPerBlock == 16)
            {
                AddSixteen(minimumsA, work + 8 + i, sums, partA);
                AddSixteen(minimumsB, work + 24 + i, sums, partB);
                sums += 16;
            }
        }
        L.Store(totals, totalA);
        L.Store(totals + 16, totalB);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void UnpackRow(byte* row, int columns, in PanelRow target, float* work)
    {
        int* subScales = (int*)work + 32;
        byte* codes = (byte*)(work + Minimums);
        byte* values = target.Values;
        float* scale = target.Scales;
        float* minimums = target.Minimums;
        int blocks = columns / 256;
        for (int b = 0; b < blocks; b++)
        {
            if (b % 8 == 0)
            {
                TFormat.Scales(row, Math.Min(8, blocks - b), work);
            }
            WeightStream.PrefetchBlock<L>(row, TFormat.BlockBytes);
            TFormat.Prepare(row, subScales, codes);
            StoreFour(row, subScales, 0, values);
            StoreFour(row, subScales, 4, values + 256);
            *scale = work[b % 8];
            if (TFormat.MinimumsPerBlock == 8)
            {
                Eight(codes, work + 8 + (b % 8)).Store(minimums);
            }
            else if (TFormat.MinimumsPerBlock == 16)
            {
                L.Store(minimums, Sixteen(codes, work + 8 + (b % 8)));
            }
            minimums += TFormat.MinimumsPerBlock;
            row += TFormat.BlockBytes;
            values += target.ValueStride;
            scale += target.ScaleStride;
        }
        if (TFormat.MinimumsPerBlock == 8 && blocks % 2 != 0)
        {
            Vector256<float>.Zero.Store(minimums);
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
        => IntegerTile<L>.AddBlock((short*)values, scales, tokens, block, rows, tile);

    /// <summary>
    /// Four groups are computed before the first is stored: the compiler cannot share their loads
    /// across a store.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreFour(byte* block, int* subScales, int index, byte* target)
    {
        L first = TFormat.Group<L>(block, subScales, index);
        L second = TFormat.Group<L>(block, subScales, index + 1);
        L third = TFormat.Group<L>(block, subScales, index + 2);
        L fourth = TFormat.Group<L>(block, subScales, index + 3);
        L.Store(target, first);
        L.Store(target + 64, second);
        L.Store(target + 128, third);
        L.Store(target + 192, fourth);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void SubtractMinimums(float* total, float* part) =>
        L.Store(total, L.SubtractSingle(L.Load(total), L.Load(part)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Eight(byte* codes, float* scale) =>
        Vector256.ConvertToSingle(SuperBlocks.WidenToInt32(codes)) * Vector256.Create(*scale);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static L Sixteen(byte* codes, float* scale) =>
        L.MultiplySingle(L.WidenToSingle(Vector128.Load(codes)), L.Broadcast(scale));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddEight(byte* codes, float* scale, float* sums, float* part) =>
        Vector256.FusedMultiplyAdd(Eight(codes, scale), Vector256.Load(sums), Vector256.Load(part))
            .Store(part);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddSixteen(byte* codes, float* scale, float* sums, float* part) =>
        L.Store(part, L.FusedMultiplyAdd(Sixteen(codes, scale), L.Load(sums), L.Load(part)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static L Add(L sum, L weights, L x) =>
        L.AddInt32(sum, L.MultiplyAddAdjacent(weights, x));
}
