using System.Runtime.CompilerServices;
using MetalMoe.Cpu.Simd;

namespace MetalMoe.Cpu.Linear;

/// <summary>
/// The inner loop of prefill for the 32-value formats: 4 weight rows by 4 activation rows, 16
/// partial
/// sums in registers over up to 8 blocks, then one fused multiply-add each into the accumulators.
/// </summary>
internal static unsafe class ScaledTile<L>
    where L : struct, ILanes<L>
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AddBlock(
        short* weights,
        float* weightScales,
        TokenRow* tokens,
        int block,
        int count,
        int rows,
        in TileMemory tile)
    {
        short* x0 = (short*)tokens[0].Values + (block * 256);
        short* x1 = (short*)tokens[1].Values + (block * 256);
        short* x2 = (short*)tokens[2].Values + (block * 256);
        short* x3 = (short*)tokens[3].Values + (block * 256);
        float* accumulators = tile.Accumulators;
        for (int row = 0; row < rows; row += 4)
        {
            L s00 = L.Zero, s01 = L.Zero, s02 = L.Zero, s03 = L.Zero;
            L s10 = L.Zero, s11 = L.Zero, s12 = L.Zero, s13 = L.Zero;
            L s20 = L.Zero, s21 = L.Zero, s22 = L.Zero, s23 = L.Zero;
            L s30 = L.Zero, s31 = L.Zero, s32 = L.Zero, s33 = L.Zero;
            for (int i = 0; i < count; i++)
            {
                int k = 32 * i;
                L w0 = L.Load(weights + k);
                L w1 = L.Load(weights + k + 256);
                L w2 = L.Load(weights + k + 512);
                L w3 = L.Load(weights + k + 768);
                L x = L.Load(x0 + k);
                s00 = Add(s00, w0, x, weightScales + i);
                s01 = Add(s01, w1, x, weightScales + i + 8);
                s02 = Add(s02, w2, x, weightScales + i + 16);
                s03 = Add(s03, w3, x, weightScales + i + 24);
                x = L.Load(x1 + k);
                s10 = Add(s10, w0, x, weightScales + i);
                s11 = Add(s11, w1, x, weightScales + i + 8);
                s12 = Add(s12, w2, x, weightScales + i + 16);
                s13 = Add(s13, w3, x, weightScales + i + 24);
                x = L.Load(x2 + k);
                s20 = Add(s20, w0, x, weightScales + i);
                s21 = Add(s21, w1, x, weightScales + i + 8);
                s22 = Add(s22, w2, x, weightScales + i + 16);
                s23 = Add(s23, w3, x, weightScales + i + 24);
                x = L.Load(x3 + k);
                s30 = Add(s30, w0, x, weightScales + i);
                s31 = Add(s31, w1, x, weightScales + i + 8);
                s32 = Add(s32, w2, x, weightScales + i + 16);
                s33 = Add(s33, w3, x, weightScales + i + 24);
            }
            float* previous = block == 0 ? tile.Zeros : accumulators;
            Accumulate(previous, accumulators, tokens[0].Scales[block], s00, s01, s02, s03);
            Accumulate(
                previous + 64, accumulators + 64, tokens[1].Scales[block], s10, s11, s12, s13);
            Accumulate(
                previous + 128, accumulators + 128, tokens[2].Scales[block], s20, s21, s22, s23);
            Accumulate(
                previous + 192, accumulators + 192, tokens[3].Scales[block], s30, s31, s32, s33);
            weights += 1024;
            weightScales += 32;
            accumulators += 256;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static L Add(L sum, L weights, L x, float* scale)
    {
        L products = L.MultiplyAddAdjacent(weights, x);
        return L.FusedMultiplyAdd(L.ToSingle(products), L.Broadcast(scale), sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Accumulate(
        float* from, float* to, float scale, L sum0, L sum1, L sum2, L sum3)
    {
        L factor = L.Single(scale);
        L.Store(to, L.FusedMultiplyAdd(sum0, factor, L.Load(from)));
        L.Store(to + 16, L.FusedMultiplyAdd(sum1, factor, L.Load(from + 16)));
        L.Store(to + 32, L.FusedMultiplyAdd(sum2, factor, L.Load(from + 32)));
        L.Store(to + 48, L.FusedMultiplyAdd(sum3, factor, L.Load(from + 48)));
    }
}
