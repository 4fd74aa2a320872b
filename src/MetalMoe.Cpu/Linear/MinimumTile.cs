using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using MetalMoe.Cpu.Simd;

namespace MetalMoe.Cpu.Linear;

/// <summary>
/// The share of the minimums in a tile of 4 weight rows by 4 activation rows: minimum j times the
/// scaled sum of its activations goes to lane j mod 16; the result is subtracted from the
/// accumulators before their lanes are added up.
/// </summary>
internal static unsafe class MinimumTile<L>
    where L : struct, ILanes<L>
{
    /// <param name="minimums">Minimums of the first row.</param>
    /// <param name="groups">Groups of 16 minimums in a row; also the distance of rows.</param>
    /// <param name="tokens">4 activation rows.</param>
    /// <param name="accumulators">16 times 16 values, activation rows slowest.</param>
    /// <param name="sums">Receives the 16 outputs.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void SubtractAndSum(
        float* minimums, int groups, TokenRow* tokens, float* accumulators, float* sums)
    {
        long stride = 16L * groups;
        float* x0 = tokens[0].Sums;
        float* x1 = tokens[1].Sums;
        float* x2 = tokens[2].Sums;
        float* x3 = tokens[3].Sums;
        L s00 = L.Zero, s01 = L.Zero, s02 = L.Zero, s03 = L.Zero;
        L s10 = L.Zero, s11 = L.Zero, s12 = L.Zero, s13 = L.Zero;
        L s20 = L.Zero, s21 = L.Zero, s22 = L.Zero, s23 = L.Zero;
        L s30 = L.Zero, s31 = L.Zero, s32 = L.Zero, s33 = L.Zero;
        for (int k = 0; k < stride; k += 16)
        {
            L w0 = L.Load(minimums + k);
            L w1 = L.Load(minimums + k + stride);
            L w2 = L.Load(minimums + k + (2 * stride));
            L w3 = L.Load(minimums + k + (3 * stride));
            L x = L.Load(x0 + k);
            s00 = L.FusedMultiplyAdd(w0, x, s00);
            s01 = L.FusedMultiplyAdd(w1, x, s01);
            s02 = L.FusedMultiplyAdd(w2, x, s02);
            s03 = L.FusedMultiplyAdd(w3, x, s03);
            x = L.Load(x1 + k);
            s10 = L.FusedMultiplyAdd(w0, x, s10);
            s11 = L.FusedMultiplyAdd(w1, x, s11);
            s12 = L.FusedMultiplyAdd(w2, x, s12);
            s13 = L.FusedMultiplyAdd(w3, x, s13);
            x = L.Load(x2 + k);
            s20 = L.FusedMultiplyAdd(w0, x, s20);
            s21 = L.FusedMultiplyAdd(w1, x, s21);
            s22 = L.FusedMultiplyAdd(w2, x, s22);
            s23 = L.FusedMultiplyAdd(w3, x, s23);
            x = L.Load(x3 + k);
            s30 = L.FusedMultiplyAdd(w0, x, s30);
            s31 = L.FusedMultiplyAdd(w1, x, s31);
            s32 = L.FusedMultiplyAdd(w2, x, s32);
            s33 = L.FusedMultiplyAdd(w3, x, s33);
        }
        Sum(accumulators, s00, s01, s02, s03).Store(sums);
        Sum(accumulators + 64, s10, s11, s12, s13).Store(sums + 4);
        Sum(accumulators + 128, s20, s21, s22, s23).Store(sums + 8);
        Sum(accumulators + 192, s30, s31, s32, s33).Store(sums + 12);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Sum(float* totals, L part0, L part1, L part2, L part3) =>
        L.SumEach(
            L.SubtractSingle(L.Load(totals), part0),
            L.SubtractSingle(L.Load(totals + 16), part1),
            L.SubtractSingle(L.Load(totals + 32), part2),
            L.SubtractSingle(L.Load(totals + 48), part3));
}
