using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using MetalMoe.Cpu.Simd;

namespace MetalMoe.Cpu.Linear;

/// <summary>
/// Decode: rows straight from the packed weights. Two rows are in flight, so that loads of
/// activations serve both; codes are multiplied as bytes with the high and the low bytes of the
/// activations, which is exact and takes half the instructions of 16-bit products.
/// </summary>
internal readonly unsafe partial struct SuperBlockKernel<L, TFormat>
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void DotRows(
        byte* rows, int count, int columns, TokenRow* tokens, int tokenCount,
        LinearScratch scratch)
    {
        int blocks = columns / 256;
        long rowBytes = (long)blocks * TFormat.BlockBytes;
        ReadScales(rows, count * blocks, scratch);
        int stride = (blocks + 7) / 8 * 8;
        byte* codes = scratch.RowCodes;
        byte* nextCodes = codes + (16 * (blocks + 1));
        for (int t = 0; t < tokenCount; t++)
        {
            TokenRow* token = tokens + t;
            float* totals = scratch.Accumulators + (16 * LinearScratch.RowsAtOnce * t);
            for (int r = 0; r < count; r += 2)
            {
                int next = Math.Min(r + 1, count - 1);
                float* products = scratch.Products;
                Multiply(scratch.RowScales + (r * blocks), token->Scales, blocks, products);
                Multiply(
                    scratch.RowScales + (next * blocks), token->Scales, blocks,
                    products + stride);
                var pair = new RowPair
                {
                    A = rows + (r * rowBytes),
                    B = rows + (next * rowBytes),
                    ScalesA = products,
                    ScalesB = products + stride,
                    CodesA = codes,
                    CodesB = nextCodes,
                    Totals = totals + (16 * r),
                };
                AddRows(pair, token, blocks, scratch.Work);
                if (TFormat.MinimumsPerBlock != 0)
                {
                    float* minimums = scratch.RowMinimums;
                    SubtractMinimums(
                        codes, minimums + (r * blocks), token->Sums, blocks, pair.Totals);
                    SubtractMinimums(
                        nextCodes, minimums + (next * blocks), token->Sums, blocks,
                        pair.Totals + 16);
                }
            }
        }
    }

    private static void AddRows(in RowPair pair, TokenRow* token, int blocks, float* work)
    {
        if (TFormat.HasByteCodes)
        {
            AddBytes(pair, token->Bytes, blocks, (int*)work + SubScales);
        }
        else
        {
            AddWords(pair, (short*)token->Values, blocks, (int*)work + SubScales);
        }
    }

    /// <summary>Scales of consecutive blocks, whatever rows they belong to.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ReadScales(byte* blocks, int count, LinearScratch scratch)
    {
        float* work = scratch.Work;
        for (int i = 0; i < count; i += 8)
        {
            TFormat.Scales(blocks + ((long)i * TFormat.BlockBytes), Math.Min(8, count - i), work);
            Vector256.Load(work).Store(scratch.RowScales + i);
            if (TFormat.MinimumsPerBlock != 0)
            {
                Vector256.Load(work + 8).Store(scratch.RowMinimums + i);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Multiply(float* scales, float* tokenScales, int count, float* products)
    {
        for (int i = 0; i < count; i += 8)
        {
            (Vector256.Load(scales + i) * Vector256.Load(tokenScales + i)).Store(products + i);
        }
    }

    /// <summary>Makes no calls, so that everything stays in registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void AddBytes(in RowPair pair, byte* x, int blocks, int* subScales)
    {
        byte* a = pair.A;
        byte* b = pair.B;
        byte* codesA = pair.CodesA;
        byte* codesB = pair.CodesB;
        float* scalesA = pair.ScalesA;
        float* scalesB = pair.ScalesB;
        int* next = subScales + 16;
        L totalA = L.Zero;
        L totalB = L.Zero;
        for (int i = 0; i < blocks; i++)
        {
            WeightStream.PrefetchBlock<L>(a, TFormat.BlockBytes);
            WeightStream.PrefetchBlock<L>(b, TFormat.BlockBytes);
            TFormat.PrepareBytes(a, subScales, codesA);
            TFormat.PrepareBytes(b, next, codesB);
            L highA = L.Zero;
            L lowA = L.Zero;
            L highB = L.Zero;
            L lowB = L.Zero;
            AddGroups(a, subScales, x, 0, ref highA, ref lowA);
            AddGroups(a, subScales, x, 1, ref highA, ref lowA);
            AddGroups(a, subScales, x, 2, ref highA, ref lowA);
            AddGroups(a, subScales, x, 3, ref highA, ref lowA);
            AddGroups(b, next, x, 0, ref highB, ref lowB);
            AddGroups(b, next, x, 1, ref highB, ref lowB);
            AddGroups(b, next, x, 2, ref highB, ref lowB);
            AddGroups(b, next, x, 3, ref highB, ref lowB);
            L sumA = L.AddInt32(L.ShiftLeftInt32(highA, 8), lowA);
            L sumB = L.AddInt32(L.ShiftLeftInt32(highB, 8), lowB);
            totalA = L.FusedMultiplyAdd(L.ToSingle(sumA), L.Broadcast(scalesA + i), totalA);
            totalB = L.FusedMultiplyAdd(L.ToSingle(sumB), L.Broadcast(scalesB + i), totalB);
            codesA += TFormat.MinimumsPerBlock;
            codesB += TFormat.MinimumsPerBlock;
            x += ActivationBytes.BlockBytes;
            a += TFormat.BlockBytes;
            b += TFormat.BlockBytes;
        }
        L.Store(pair.Totals, totalA);
        L.Store(pair.Totals + 16, totalB);
    }

    /// <summary>64 columns of a row times both bytes of the activations.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddGroups(
        byte* block, int* subScales, byte* x, int index, ref L high, ref L low)
    {
        L codes = TFormat.Codes<L>(block, index);
        byte* at = x + (64 * index);
        L highs = L.MultiplyAddBytes(codes, L.Load(at));
        L lows = L.MultiplyAddBytes(codes, L.Load(at + ActivationBytes.Low));
        if (TFormat.Offset != 0)
        {
            highs = L.SubtractInt16(highs, Sums(at + ActivationBytes.HighSums));
            lows = L.SubtractInt16(lows, Sums(at + ActivationBytes.LowSums));
        }
        L scales = TFormat.SubScaleCount == 8
            ? L.Broadcast(subScales + index)
            : L.BroadcastHalves(subScales + (2 * index));
        high = L.AddProducts(high, highs, scales);
        low = L.AddProducts(low, lows, scales);
    }

    /// <summary>Offset times the sums of two neighbours, from 32 times the sums.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static L Sums(byte* source) => TFormat.Offset == 32
        ? L.Load(source)
        : L.ShiftRightSignedInt16(L.Load(source), TFormat.Offset == 4 ? 3 : 0);

    /// <summary>
    /// The 16-bit form, for codes that bytes cannot hold. Makes no calls, so that everything
    /// stays in registers.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void AddWords(in RowPair pair, short* x, int blocks, int* subScales)
    {
        byte* a = pair.A;
        byte* b = pair.B;
        int* next = subScales + 16;
        L totalA = L.Zero;
        L totalB = L.Zero;
        for (int i = 0; i < blocks; i++)
        {
            WeightStream.PrefetchBlock<L>(a, TFormat.BlockBytes);
            WeightStream.PrefetchBlock<L>(b, TFormat.BlockBytes);
            TFormat.Prepare(a, subScales, pair.CodesA + (TFormat.MinimumsPerBlock * i));
            TFormat.Prepare(b, next, pair.CodesB + (TFormat.MinimumsPerBlock * i));
            L sumA = L.Zero;
            L sumB = L.Zero;
            AddFour(a, b, subScales, x, 0, ref sumA, ref sumB);
            AddFour(a, b, subScales, x, 4, ref sumA, ref sumB);
            totalA = L.FusedMultiplyAdd(
                L.ToSingle(sumA), L.Broadcast(pair.ScalesA + i), totalA);
            totalB = L.FusedMultiplyAdd(
                L.ToSingle(sumB), L.Broadcast(pair.ScalesB + i), totalB);
            x += 256;
            a += TFormat.BlockBytes;
            b += TFormat.BlockBytes;
        }
        L.Store(pair.Totals, totalA);
        L.Store(pair.Totals + 16, totalB);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddFour(
        byte* a, byte* b, int* subScales, short* x, int first, ref L sumA, ref L sumB)
    {
        AddGroup(a, b, subScales, x, first, ref sumA, ref sumB);
        AddGroup(a, b, subScales, x, first + 1, ref sumA, ref sumB);
        AddGroup(a, b, subScales, x, first + 2, ref sumA, ref sumB);
        AddGroup(a, b, subScales, x, first + 3, ref sumA, ref sumB);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddGroup(
        byte* a, byte* b, int* subScales, short* x, int index, ref L sumA, ref L sumB)
    {
        L v = L.Load(x + (32 * index));
        L weights = TFormat.Group<L>(a, subScales, index);
        sumA = L.AddProducts(sumA, weights, v);
        weights = TFormat.Group<L>(b, subScales + 16, index);
        sumB = L.AddProducts(sumB, weights, v);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void SubtractMinimums(
        byte* codes, float* scales, float* sums, int blocks, float* totals)
    {
        L part = L.Zero;
        if (TFormat.MinimumsPerBlock == 16)
        {
            for (int i = 0; i < blocks; i++)
            {
                L minimums = Widen(Vector128.Load(codes + (16 * i)), L.Broadcast(scales + i));
                part = L.FusedMultiplyAdd(minimums, L.Load(sums + (16 * i)), part);
            }
        }
        else
        {
            // Eight minimums a block: even blocks take lanes 0..7, odd ones 8..15. They were
            // stored eight at a time just now; a load over two stores would wait for the cache.
            long* eight = (long*)codes;
            for (int i = 0; i + 2 <= blocks; i += 2)
            {
                var both = Vector128.Create(eight[i], eight[i + 1]).AsByte();
                L minimums = Widen(both, L.BroadcastHalves(scales + i));
                part = L.FusedMultiplyAdd(minimums, L.Load(sums + (8 * i)), part);
            }
            if (blocks % 2 != 0)
            {
                var one = Vector128.CreateScalar(eight[blocks - 1]).AsByte();
                L minimums = Widen(one, L.Broadcast(scales + blocks - 1));
                part = L.FusedMultiplyAdd(minimums, L.Load(sums + (8 * blocks) - 8), part);
            }
        }
        L.Store(totals, L.SubtractSingle(L.Load(totals), part));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static L Widen(Vector128<byte> codes, L scales) =>
        L.MultiplySingle(L.WidenToSingle(codes), scales);

    /// <summary>Two rows, the scales of their blocks times those of the activations, where their
    /// integer minimums go, and their 2 x 16 sums.</summary>
    private readonly struct RowPair
    {
        public required byte* A { get; init; }

        public required byte* B { get; init; }

        public required float* ScalesA { get; init; }

        public required float* ScalesB { get; init; }

        public required byte* CodesA { get; init; }

        public required byte* CodesB { get; init; }

        public required float* Totals { get; init; }
    }
}
