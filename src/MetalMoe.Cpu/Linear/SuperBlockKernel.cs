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
internal readonly unsafe partial struct SuperBlockKernel<L, TFormat> : IWeightKernel<L>
    where L : struct, ILanes<L>
    where TFormat : struct, ISuperBlockFormat
{
    // Places in the scratch of sub-scales and integer minimums of a block.
    private const int SubScales = 32;
    private const int Minimums = 96;

    public static int BlockColumns => 256;

    public static int ValueBytes => sizeof(short);

    public static int ScalesPerBlock => 1;

    public static int ColumnsPerMinimum =>
        TFormat.MinimumsPerBlock == 0 ? 0 : 256 / TFormat.MinimumsPerBlock;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void UnpackRow(byte* row, int columns, in PanelRow target, float* work)
    {
        int* subScales = (int*)work + SubScales;
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
    private static Vector256<float> Eight(byte* codes, float* scale) =>
        Vector256.ConvertToSingle(SuperBlocks.WidenToInt32(codes)) * Vector256.Create(*scale);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static L Sixteen(byte* codes, float* scale) =>
        L.MultiplySingle(L.WidenToSingle(Vector128.Load(codes)), L.Broadcast(scale));
}
