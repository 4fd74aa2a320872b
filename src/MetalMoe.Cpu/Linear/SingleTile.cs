using System.Runtime.CompilerServices;
using MetalMoe.Cpu.Simd;

namespace MetalMoe.Cpu.Linear;

/// <summary>The inner loop of prefill for unquantised weights: 4 by 4 rows in binary32.</summary>
internal static unsafe class SingleTile<L>
    where L : struct, ILanes<L>
{
    /// <summary>Columns of a block; as many bytes as a block of the integer tiles.</summary>
    public const int BlockColumns = 128;

    /// <param name="weights">Unpacked block of the first row; rows are 512 bytes apart.</param>
    /// <param name="tokens">4 activation rows.</param>
    /// <param name="block">Index of the block.</param>
    /// <param name="count">Columns of the block, a multiple of 16.</param>
    /// <param name="rows">Weight rows, a multiple of 4.</param>
    /// <param name="tile">Accumulators.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AddBlock(
        float* weights, TokenRow* tokens, int block, int count, int rows, in TileMemory tile)
    {
        float* x0 = (float*)tokens[0].Values + (block * BlockColumns);
        float* x1 = (float*)tokens[1].Values + (block * BlockColumns);
        float* x2 = (float*)tokens[2].Values + (block * BlockColumns);
        float* x3 = (float*)tokens[3].Values + (block * BlockColumns);
        float* accumulators = tile.Accumulators;
        for (int row = 0; row < rows; row += 4)
        {
            float* previous = block == 0 ? tile.Zeros : accumulators;
            L s00 = L.Load(previous), s01 = L.Load(previous + 16);
            L s02 = L.Load(previous + 32), s03 = L.Load(previous + 48);
            L s10 = L.Load(previous + 64), s11 = L.Load(previous + 80);
            L s12 = L.Load(previous + 96), s13 = L.Load(previous + 112);
            L s20 = L.Load(previous + 128), s21 = L.Load(previous + 144);
            L s22 = L.Load(previous + 160), s23 = L.Load(previous + 176);
            L s30 = L.Load(previous + 192), s31 = L.Load(previous + 208);
            L s32 = L.Load(previous + 224), s33 = L.Load(previous + 240);
            for (int k = 0; k < count; k += 16)
            {
                L w0 = L.Load(weights + k);
                L w1 = L.Load(weights + k + 128);
                L w2 = L.Load(weights + k + 256);
                L w3 = L.Load(weights + k + 384);
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
            L.Store(accumulators, s00);
            L.Store(accumulators + 16, s01);
            L.Store(accumulators + 32, s02);
            L.Store(accumulators + 48, s03);
            L.Store(accumulators + 64, s10);
            L.Store(accumulators + 80, s11);
            L.Store(accumulators + 96, s12);
            L.Store(accumulators + 112, s13);
            L.Store(accumulators + 128, s20);
            L.Store(accumulators + 144, s21);
            L.Store(accumulators + 160, s22);
            L.Store(accumulators + 176, s23);
            L.Store(accumulators + 192, s30);
            L.Store(accumulators + 208, s31);
            L.Store(accumulators + 224, s32);
            L.Store(accumulators + 240, s33);
            weights += 4 * BlockColumns;
            accumulators += 256;
        }
    }
}
