using System.Runtime.CompilerServices;
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

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Dot(byte* row, int columns, in TokenRow token)
    {
        short* work = stackalloc short[16];
        short* values = (short*)token.Values;
        float* scales = token.Scales;
        int blocks = columns / 256;
        L total = L.Zero;
        byte* block = row;
        for (int b = 0; b < blocks; b++)
        {
            L sum = TFormat.Unpack<L, DotSink<L>>(block, values + (b * 256), work);
            L scale = L.Single(TFormat.Scale(block) * scales[b]);
            total = L.FusedMultiplyAdd(L.ToSingle(sum), scale, total);
            block += TFormat.BlockBytes;
        }
        if (TFormat.MinimumsPerBlock != 0)
        {
            L minimums = L.Zero;
            int groups = ((blocks * TFormat.MinimumsPerBlock) + 15) / 16;
            for (int g = 0; g < groups; g++)
            {
                L sums = L.Load(token.Sums + (16 * g));
                minimums = L.FusedMultiplyAdd(
                    TFormat.Minimums<L>(row, g, blocks), sums, minimums);
            }
            total = L.SubtractSingle(total, minimums);
        }
        return L.Sum(total);
    }

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Unpack(byte* row, int columns, int block, void* values, float* scales)
    {
        short* work = stackalloc short[16];
        byte* source = row + ((long)block * TFormat.BlockBytes);
        TFormat.Unpack<L, StoreSink<L>>(source, (short*)values, work);
        *scales = TFormat.Scale(source);
    }

    public static L Minimums(byte* row, int columns, int group) =>
        TFormat.Minimums<L>(row, group, columns / 256);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddTile(
        void* values, float* scales, TokenRow* tokens, int block, int columns, float* accumulators)
        => IntegerTile<L>.AddBlock((short*)values, scales, tokens, block, accumulators);
}
