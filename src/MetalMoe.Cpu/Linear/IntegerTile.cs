using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using MetalMoe.Cpu.Simd;

namespace MetalMoe.Cpu.Linear;

/// <summary>
/// The inner loop of prefill for the 256-value formats: 4 weight rows by 4 activation rows, 16
/// int32
/// sums in registers over a block, then one fused multiply-add each into the accumulators.
/// </summary>
internal static unsafe class IntegerTile<L>
    where L : struct, ILanes<L>
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AddBlock(
        short* weights,
        float* weightScales,
        TokenRow* tokens,
        int block,
        int rows,
        in TileMemory tile)
    {
        short* x0 = (short*)tokens[0].Values + (block * 256);
        short* x1 = (short*)tokens[1].Values + (block * 256);
        short* x2 = (short*)tokens[2].Values + (block * 256);
        short* x3 = (short*)tokens[3].Values + (block * 256);
        float scale0 = tokens[0].Scales[block];
        float scale1 = tokens[1].Scales[block];
        float scale2 = tokens[2].Scales[block];
        float scale3 = tokens[3].Scales[block];
        float* accumulators = tile.Accumulators;
        float* work = tile.Work;
        for (int row = 0; row < rows; row += 4)
        {
            L s00 = L.Zero, s01 = L.Zero, s02 = L.Zero, s03 = L.Zero;
            L s10 = L.Zero, s11 = L.Zero, s12 = L.Zero, s13 = L.Zero;
            L s20 = L.Zero, s21 = L.Zero, s22 = L.Zero, s23 = L.Zero;
            L s30 = L.Zero, s31 = L.Zero, s32 = L.Zero, s33 = L.Zero;
            for (int k = 0; k < 256; k += 32)
            {
                L w0 = L.Load(weights + k);
                L w1 = L.Load(weights + k + 256);
                L w2 = L.Load(weights + k + 512);
                L w3 = L.Load(weights + k + 768);
                L x = L.Load(x0 + k);
                s00 = L.AddInt32(s00, L.MultiplyAddAdjacent(w0, x));
                s01 = L.AddInt32(s01, L.MultiplyAddAdjacent(w1, x));
                s02 = L.AddInt32(s02, L.MultiplyAddAdjacent(w2, x));
                s03 = L.AddInt32(s03, L.MultiplyAddAdjacent(w3, x));
                x = L.Load(x1 + k);
                s10 = L.AddInt32(s10, L.MultiplyAddAdjacent(w0, x));
                s11 = L.AddInt32(s11, L.MultiplyAddAdjacent(w1, x));
                s12 = L.AddInt32(s12, L.MultiplyAddAdjacent(w2, x));
                s13 = L.AddInt32(s13, L.MultiplyAddAdjacent(w3, x));
                x = L.Load(x2 + k);
                s20 = L.AddInt32(s20, L.MultiplyAddAdjacent(w0, x));
                s21 = L.AddInt32(s21, L.MultiplyAddAdjacent(w1, x));
                s22 = L.AddInt32(s22, L.MultiplyAddAdjacent(w2, x));
                s23 = L.AddInt32(s23, L.MultiplyAddAdjacent(w3, x));
                x = L.Load(x3 + k);
                s30 = L.AddInt32(s30, L.MultiplyAddAdjacent(w0, x));
                s31 = L.AddInt32(s31, L.MultiplyAddAdjacent(w1, x));
                s32 = L.AddInt32(s32, L.MultiplyAddAdjacent(w2, x));
                s33 = L.AddInt32(s33, L.MultiplyAddAdjacent(w3, x));
            }
            float* previous = block == 0 ? tile.Zeros : accumulators;
            var scales = Vector128.Load(weightScales);
            (scales * scale0).Store(work);
            (scales * scale1).Store(work + 4);
            (scales * scale2).Store(work + 8);
            (scales * scale3).Store(work + 12);
            Accumulate(previous, accumulators, work, s00, s01, s02, s03);
            Accumulate(previous + 64, accumulators + 64, work + 4, s10, s11, s12, s13);
            Accumulate(previous + 128, accumulators + 128, work + 8, s20, s21, s22, s23);
            Accumulate(previous + 192, accumulators + 192, work + 12, s30, s31, s32, s33);
            weights += 1024;
            weightScales += 4;
            accumulators += 256;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Accumulate(
        float* from, float* to, float* scales, L sum0, L sum1, L sum2, L sum3)
    {
        Accumulate(from, to, scales, sum0);
        Accumulate(from + 16, to + 16, scales + 1, sum1);
        Accumulate(from + 32, to + 32, scales + 2, sum2);
        Accumulate(from + 48, to + 48, scales + 3, sum3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Accumulate(float* from, float* to, float* scale, L sum) =>
        L.Store(to, L.FusedMultiplyAdd(L.ToSingle(sum), L.Broadcast(scale), L.Load(from)));
}
