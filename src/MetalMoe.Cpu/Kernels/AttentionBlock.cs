using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using MetalMoe.Core.Runtime;
using MetalMoe.Cpu.Memory;
using MetalMoe.Cpu.Simd;

namespace MetalMoe.Cpu.Kernels;

/// <summary>
/// Decoded keys [ChunkLength / 16, K, 16] and values [ChunkLength, ValueStride] of one chunk.
/// </summary>
internal readonly unsafe struct AttentionChunk(
    float* keys, float* values, int headDim, int valueStride, int columns, float scale)
{
    public float* Keys { get; } = keys;

    public float* Values { get; } = values;

    /// <summary>K.</summary>
    public int HeadDim { get; } = headDim;

    /// <summary>Elements from the values of one position to the next.</summary>
    public int ValueStride { get; } = valueStride;

    /// <summary>Padded value columns to add up.</summary>
    public int Columns { get; } = columns;

    public float Scale { get; } = scale;

    /// <summary>The same chunk without its first <paramref name="count"/> value columns.
    /// </summary>
    public AttentionChunk SkipValues(int count) =>
        new(Keys, Values + count, HeadDim, ValueStride, Columns - count, Scale);
}

/// <summary>
/// The arithmetic of attention for one query head: scores, online softmax and the weighted sum
/// of values over chunks of <see cref="ChunkLength"/> positions, in f32.
/// </summary>
/// <remarks>
/// Chunks begin at multiples of their length from position 0 and spans at multiples of
/// <see cref="SpanLength"/>, never where a batch begins, and spans are merged in order. So a
/// query's result has the same bits whatever else is in the step and however the work is split.
/// A partial result is laid out as accumulator [padded K], maximum, sum.
/// </remarks>
internal static unsafe class AttentionBlock
{
    /// <summary>Positions whose keys and values are decoded at once (they fit the L1/L2 cache).
    /// </summary>
    public const int ChunkLength = 64;

    /// <summary>Positions after which a partial result is merged.</summary>
    public const int SpanLength = 1024;

    /// <summary>Floats of one partial result.</summary>
    public static int PartialLength(int headStride) => headStride + VectorMath.Lanes;

    /// <summary>Makes <paramref name="partial"/> the result of no positions.</summary>
    public static void Clear(float* partial, int headStride)
    {
        Unsafe.InitBlockUnaligned(partial, 0, (uint)headStride * sizeof(float));
        partial[headStride] = float.NegativeInfinity;
        partial[headStride + 1] = 0;
    }

    /// <summary>
    /// Adds <paramref name="count"/> (1..ChunkLength) positions to the partial results of two
    /// queries that read the same keys and values; the two share every load and do not touch
    /// each other's arithmetic.
    /// </summary>
    public static void AccumulatePair(
        AttentionChunk chunk, float* query0, float* query1, int count, float* partial0,
        float* partial1)
    {
        float* weights0 = stackalloc float[2 * ChunkLength];
        float* weights1 = weights0 + ChunkLength;
        ScoresPair(chunk, query0, query1, weights0, weights1);
        float correction0 = Softmax(weights0, count, chunk, partial0);
        float correction1 = Softmax(weights1, count, chunk, partial1);
        AddValuesPair(
            chunk, weights0, weights1, count, correction0, correction1, partial0, partial1);
    }

    /// <summary>The same for one query.</summary>
    public static void Accumulate(
        AttentionChunk chunk, float* query, int count, float* partial)
    {
        float* weights = stackalloc float[ChunkLength];
        Scores(chunk, query, weights);
        float correction = Softmax(weights, count, chunk, partial);
        AddValues(chunk, weights, count, correction, partial);
    }

    /// <summary>Merges the partial result of a later span into <paramref name="total"/>.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Merge(float* total, float* span, int headStride)
    {
        float maximum = MathF.Max(total[headStride], span[headStride]);
        float scaleTotal = Exp(total[headStride] - maximum);
        float scaleSpan = Exp(span[headStride] - maximum);
        for (int i = 0; i < headStride; i += VectorMath.Lanes)
        {
            var scaled = Vector512.Load(total + i) * Vector512.Create(scaleTotal);
            Vector512.FusedMultiplyAdd(
                Vector512.Load(span + i), Vector512.Create(scaleSpan), scaled).Store(total + i);
        }
        total[headStride] = maximum;
        total[headStride + 1] =
            (total[headStride + 1] * scaleTotal) + (span[headStride + 1] * scaleSpan);
    }

    /// <summary>Output [K] = accumulator / sum * sigmoid(gate).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Finish(
        float* partial, float* gate, int headDim, int headStride, float* output)
    {
        var inverse = Vector512.Create(1 / partial[headStride + 1]);
        for (int i = 0; i < headDim; i += VectorMath.Lanes)
        {
            var g = VectorMath.Sigmoid(VectorMath.LoadPartial(gate + i, headDim - i));
            VectorMath.StorePartial(
                Vector512.Load(partial + i) * inverse * g, output + i, headDim - i);
        }
    }

    /// <summary>
    /// Cache rows as f32: where they are when they are f32 and <paramref name="inPlace"/>
    /// allows it, else in <paramref name="scratch"/>.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float* Decode(
        byte* rows, CacheFormat format, long elements, float* scratch, bool inPlace)
    {
        if (format == CacheFormat.F32)
        {
            if (inPlace)
            {
                return (float*)rows;
            }
            Buffer.MemoryCopy(
                rows, scratch, elements * sizeof(float), elements * sizeof(float));
            return scratch;
        }
        var halves = (ushort*)rows;
        for (long i = 0; i < elements; i += VectorMath.Lanes)
        {
            HalfVector.Load(halves + i).Store(scratch + i);
        }
        return scratch;
    }

    private static float Exp(float x) => VectorMath.Exp(Vector512.Create(x)).ToScalar();

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Scores(AttentionChunk chunk, float* query, float* scores)
    {
        long group = (long)chunk.HeadDim * VectorMath.Lanes;
        Vector512<float> s0 = default, s1 = default, s2 = default, s3 = default;
        float* k = chunk.Keys;
        for (int i = 0; i < chunk.HeadDim; i++, k += VectorMath.Lanes)
        {
            var q = Vector512.Create(query[i]);
            s0 = Vector512.FusedMultiplyAdd(q, Vector512.Load(k), s0);
            s1 = Vector512.FusedMultiplyAdd(q, Vector512.Load(k + group), s1);
            s2 = Vector512.FusedMultiplyAdd(q, Vector512.Load(k + (2 * group)), s2);
            s3 = Vector512.FusedMultiplyAdd(q, Vector512.Load(k + (3 * group)), s3);
        }
        StoreScores(scores, s0, s1, s2, s3, chunk.Scale);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ScoresPair(
        AttentionChunk chunk, float* query0, float* query1, float* scores0, float* scores1)
    {
        long group = (long)chunk.HeadDim * VectorMath.Lanes;
        Vector512<float> s0 = default, s1 = default, s2 = default, s3 = default;
        Vector512<float> t0 = default, t1 = default, t2 = default, t3 = default;
        float* k = chunk.Keys;
        for (int i = 0; i < chunk.HeadDim; i++, k += VectorMath.Lanes)
        {
            var q = Vector512.Create(query0[i]);
            var r = Vector512.Create(query1[i]);
            var k0 = Vector512.Load(k);
            var k1 = Vector512.Load(k + group);
            var k2 = Vector512.Load(k + (2 * group));
            var k3 = Vector512.Load(k + (3 * group));
            s0 = Vector512.FusedMultiplyAdd(q, k0, s0);
            t0 = Vector512.FusedMultiplyAdd(r, k0, t0);
            s1 = Vector512.FusedMultiplyAdd(q, k1, s1);
            t1 = Vector512.FusedMultiplyAdd(r, k1, t1);
            s2 = Vector512.FusedMultiplyAdd(q, k2, s2);
            t2 = Vector512.FusedMultiplyAdd(r, k2, t2);
            s3 = Vector512.FusedMultiplyAdd(q, k3, s3);
            t3 = Vector512.FusedMultiplyAdd(r, k3, t3);
        }
        StoreScores(scores0, s0, s1, s2, s3, chunk.Scale);
        StoreScores(scores1, t0, t1, t2, t3, chunk.Scale);
    }

    private static void StoreScores(
        float* scores, Vector512<float> s0, Vector512<float> s1, Vector512<float> s2,
        Vector512<float> s3, float scale)
    {
        var factor = Vector512.Create(scale);
        (s0 * factor).Store(scores);
        (s1 * factor).Store(scores + 16);
        (s2 * factor).Store(scores + 32);
        (s3 * factor).Store(scores + 48);
    }

    /// <summary>
    /// Scores to weights relative to the new maximum; updates maximum and sum of the partial
    /// result and returns the factor that its accumulator needs.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Softmax(
        float* weights, int count, AttentionChunk chunk, float* partial)
    {
        for (int i = count; i < ChunkLength; i++)
        {
            weights[i] = float.NegativeInfinity;
        }
        float* tail = partial + chunk.ValueStride;
        var largest = Vector512.Max(
            Vector512.Max(Vector512.Load(weights), Vector512.Load(weights + 16)),
            Vector512.Max(Vector512.Load(weights + 32), Vector512.Load(weights + 48)));
        float maximum = MathF.Max(tail[0], VectorMath.Max(largest));
        float correction = Exp(tail[0] - maximum);
        var sum = Vector512<float>.Zero;
        for (int i = 0; i < ChunkLength; i += VectorMath.Lanes)
        {
            var e = VectorMath.Exp(Vector512.Load(weights + i) - Vector512.Create(maximum));
            e.Store(weights + i);
            sum += e;
        }
        tail[0] = maximum;
        tail[1] = (tail[1] * correction) + VectorMath.Sum(sum);
        return correction;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddValues(
        AttentionChunk chunk, float* weights, int count, float correction, float* accumulator)
    {
        var c = Vector512.Create(correction);
        for (int i = 0; i < chunk.Columns; i += VectorMath.Lanes)
        {
            var a = Vector512.Load(accumulator + i) * c;
            float* v = chunk.Values + i;
            for (int j = 0; j < count; j++, v += chunk.ValueStride)
            {
                a = Vector512.FusedMultiplyAdd(
                    Vector512.Create(weights[j]), Vector512.Load(v), a);
            }
            a.Store(accumulator + i);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddValuesPair(
        AttentionChunk chunk, float* weights0, float* weights1, int count, float correction0,
        float correction1, float* accumulator0, float* accumulator1)
    {
        var c = Vector512.Create(correction0);
        var d = Vector512.Create(correction1);
        int stride = chunk.ValueStride;
        int i = 0;
        for (; i + 64 <= stride; i += 64)
        {
            float* x = accumulator0 + i;
            float* y = accumulator1 + i;
            var a0 = Vector512.Load(x) * c;
            var a1 = Vector512.Load(x + 16) * c;
            var a2 = Vector512.Load(x + 32) * c;
            var a3 = Vector512.Load(x + 48) * c;
            var b0 = Vector512.Load(y) * d;
            var b1 = Vector512.Load(y + 16) * d;
            var b2 = Vector512.Load(y + 32) * d;
            var b3 = Vector512.Load(y + 48) * d;
            float* v = chunk.Values + i;
            for (int j = 0; j < count; j++, v += stride)
            {
                var w = Vector512.Create(weights0[j]);
                var u = Vector512.Create(weights1[j]);
                var v0 = Vector512.Load(v);
                var v1 = Vector512.Load(v + 16);
                var v2 = Vector512.Load(v + 32);
                var v3 = Vector512.Load(v + 48);
                a0 = Vector512.FusedMultiplyAdd(w, v0, a0);
                b0 = Vector512.FusedMultiplyAdd(u, v0, b0);
                a1 = Vector512.FusedMultiplyAdd(w, v1, a1);
                b1 = Vector512.FusedMultiplyAdd(u, v1, b1);
                a2 = Vector512.FusedMultiplyAdd(w, v2, a2);
                b2 = Vector512.FusedMultiplyAdd(u, v2, b2);
                a3 = Vector512.FusedMultiplyAdd(w, v3, a3);
                b3 = Vector512.FusedMultiplyAdd(u, v3, b3);
            }
            a0.Store(x);
            a1.Store(x + 16);
            a2.Store(x + 32);
            a3.Store(x + 48);
            b0.Store(y);
            b1.Store(y + 16);
            b2.Store(y + 32);
            b3.Store(y + 48);
        }
        if (i < stride)
        {
            var rest = chunk.SkipValues(i);
            AddValues(rest, weights0, count, correction0, accumulator0 + i);
            AddValues(rest, weights1, count, correction1, accumulator1 + i);
        }
    }
}
