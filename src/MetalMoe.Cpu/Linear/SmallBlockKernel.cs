using System.Runtime.CompilerServices;
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

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Dot(byte* row, int columns, in TokenRow token)
    {
        float* weightScales = stackalloc float[8];
        short* values = (short*)token.Values;
        int smallBlocks = columns / 32;
        L total = L.Zero;
        byte* block = row;
        for (int first = 0; first < smallBlocks; first += 8)
        {
            int count = Math.Min(8, smallBlocks - first);
            TFormat.Scales(block, count, weightScales);
            L partial = L.Zero;
            for (int i = 0; i < count; i++)
            {
                L products = L.MultiplyAddAdjacent(TFormat.Weights<L>(block), L.Load(values));
                partial = L.FusedMultiplyAdd(
                    L.ToSingle(products), L.Single(weightScales[i]), partial);
                block += TFormat.BlockBytes;
                values += 32;
            }
            total = L.FusedMultiplyAdd(partial, L.Single(token.Scales[first / 8]), total);
        }
        if (TFormat.HasMinimum)
        {
            total = L.SubtractSingle(total, MinimumPart(row, columns, token.Sums));
        }
        return L.Sum(total);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Unpack(byte* row, int columns, int block, void* values, float* scales)
    {
        int count = Math.Min(8, (columns / 32) - (block * 8));
        byte* source = row + ((long)block * 8 * TFormat.BlockBytes);
        TFormat.Scales(source, count, scales);
        for (int i = 0; i < count; i++)
        {
            L.Store((short*)values + (32 * i), TFormat.Weights<L>(source));
            source += TFormat.BlockBytes;
        }
    }

    [SkipLocalsInit]
    public static L Minimums(byte* row, int columns, int group)
    {
        float* minimums = stackalloc float[16];
        byte* first = row + ((long)group * 16 * TFormat.BlockBytes);
        TFormat.Minimums(first, Math.Min(16, (columns / 32) - (16 * group)), minimums);
        return L.Load(minimums);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddTile(
        void* values, float* scales, TokenRow* tokens, int block, int columns, float* accumulators)
    {
        int count = Math.Min(8, (columns / 32) - (block * 8));
        ScaledTile<L>.AddBlock((short*)values, scales, tokens, block, count, accumulators);
    }

    private static L MinimumPart(byte* row, int columns, float* sums)
    {
        L minimums = L.Zero;
        for (int g = 0; g * 512 < columns; g++)
        {
            minimums = L.FusedMultiplyAdd(
                Minimums(row, columns, g), L.Load(sums + (16 * g)), minimums);
        }
        return minimums;
    }
}
