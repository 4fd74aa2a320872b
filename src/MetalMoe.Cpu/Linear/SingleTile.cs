using System.Runtime.CompilerServices;
using MetalMoe.Cpu.Simd;

namespace MetalMoe.Cpu.Linear;

/// <summary>The inner loop of prefill for unquantised weights: 4 by 4 rows in binary32.</summary>
internal static unsafe class SingleTile<L>
    where L : struct, ILanes<L>
{
    /// <summary>Columns of a block; as many bytes as a block of the integer tiles.</summary>
    public const int BlockColumns = 128;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AddBlock(
        float* weights, TokenRow* tokens, int block, int columns, in TileMemory tile)
    {
        int start = block * BlockColumns;
        int count = Math.Min(BlockColumns, columns - start);
        int whole = count / 16 * 16;
        float* x0 = (float*)tokens[0].Values + start;
        float* x1 = (float*)tokens[1].Values + start;
        float* x2 = (float*)tokens[2].Values + start;
        float* x3 = (float*)tokens[3].Values + start;
        float* from = block == 0 ? tile.Zeros : tile.Accumulators;
        AddColumns(weights, x0, x1, x2, x3, whole, from, tile.Accumulators);
        if (whole < count)
        {
            float* tail = tile.Work;
            int rest = count - whole;
            CopyTails(tail, rest, x0 + whole, x1 + whole, x2 + whole, x3 + whole);
            float* totals = tile.Accumulators;
            AddColumns(
                weights + whole, tail, tail + 16, tail + 32, tail + 48, 16, totals, totals);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddColumns(
        float* weights, float* x0, float* x1, float* x2, float* x3,
        int count, float* from, float* to)
    {
        L s00 = L.Load(from);
        L s01 = L.Load(from + 16);
        L s02 = L.Load(from + 32);
        L s03 = L.Load(from + 48);
        L s10 = L.Load(from + 64);
        L s11 = L.Load(from + 80);
        L s12 = L.Load(from + 96);
        L s13 = L.Load(from + 112);
        L s20 = L.Load(from + 128);
        L s21 = L.Load(from + 144);
        L s22 = L.Load(from + 160);
        L s23 = L.Load(from + 176);
        L s30 = L.Load(from + 192);
        L s31 = L.Load(from + 208);
        L s32 = L.Load(from + 224);
        L s33 = L.Load(from + 240);
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
        L.Store(to, s00);
        L.Store(to + 16, s01);
        L.Store(to + 32, s02);
        L.Store(to + 48, s03);
        L.Store(to + 64, s10);
        L.Store(to + 80, s11);
        L.Store(to + 96, s12);
        L.Store(to + 112, s13);
        L.Store(to + 128, s20);
        L.Store(to + 144, s21);
        L.Store(to + 160, s22);
        L.Store(to + 176, s23);
        L.Store(to + 192, s30);
        L.Store(to + 208, s31);
        L.Store(to + 224, s32);
        L.Store(to + 240, s33);
    }

    /// <summary>The last 1 to 15 activations of four rows, padded with zeros.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void CopyTails(float* tail, int count, float* a, float* b, float* c, float* d)
    {
        new Span<float>(tail, 64).Clear();
        for (int i = 0; i < count; i++)
        {
            tail[i] = a[i];
            tail[i + 16] = b[i];
            tail[i + 32] = c[i];
            tail[i + 48] = d[i];
        }
    }
}
