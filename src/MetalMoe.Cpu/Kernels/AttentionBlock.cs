using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using MetalMoe.Core.Runtime;
using MetalMoe.Cpu.Memory;
using MetalMoe.Cpu.Simd;

namespace MetalMoe.Cpu.Kernels;

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

    /// <summary>Adds <paramref name="count"/> (1..ChunkLength) positions to a partial result.
    /// </summary>
    public static void Accumulate(
        float* query, float* keys, float* values, int count, int headStride, float scale,
        float* partial)
    {
        float* weights = stackalloc float[ChunkLength];
        Scores(query, keys, count, headStride, scale, weights);
        float maximum = partial[headStride];
        float chunkMaximum = maximum;
        for (int i = 0; i < ChunkLength; i += VectorMath.Lanes)
        {
            chunkMaximum = MathF.Max(
                chunkMaximum, VectorMath.Max(Vector512.Load(weights + i)));
        }
        float correction = Exp(maximum - chunkMaximum);
        var sum = Vector512<float>.Zero;
        for (int i = 0; i < ChunkLength; i += VectorMath.Lanes)
        {
            var e = VectorMath.Exp(Vector512.Load(weights + i) - Vector512.Create(chunkMaximum));
            e.Store(weights + i);
            sum += e;
        }
        partial[headStride] = chunkMaximum;
        partial[headStride + 1] = (partial[headStride + 1] * correction) + VectorMath.Sum(sum);
        AddValues(weights, values, count, headStride, correction, partial);
    }

    /// <summary>Merges the partial result of a later span into <paramref name="total"/>.
    /// </summary>
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

    /// <summary>Cache rows as f32: in place, or decoded into <paramref name="scratch"/>.</summary>
    public static float* Decode(byte* rows, CacheFormat format, long elements, float* scratch)
    {
        if (format == CacheFormat.F32)
        {
            return (float*)rows;
        }
        var halves = (ushort*)rows;
        for (long i = 0; i < elements; i += VectorMath.Lanes)
        {
            HalfVector.Load(halves + i).Store(scratch + i);
        }
        return scratch;
    }

    private static float Exp(float x) => VectorMath.Exp(Vector512.Create(x)).ToScalar();

    private static void Scores(
        float* query, float* keys, int count, int headStride, float scale, float* scores)
    {
        int j = 0;
        for (; j + 4 <= count; j += 4)
        {
            float* k0 = keys + ((long)j * headStride);
            float* k1 = k0 + headStride;
            float* k2 = k1 + headStride;
            float* k3 = k2 + headStride;
            Vector512<float> s0 = default, s1 = default, s2 = default, s3 = default;
            for (int i = 0; i < headStride; i += VectorMath.Lanes)
            {
                var q = Vector512.Load(query + i);
                s0 = Vector512.FusedMultiplyAdd(q, Vector512.Load(k0 + i), s0);
                s1 = Vector512.FusedMultiplyAdd(q, Vector512.Load(k1 + i), s1);
                s2 = Vector512.FusedMultiplyAdd(q, Vector512.Load(k2 + i), s2);
                s3 = Vector512.FusedMultiplyAdd(q, Vector512.Load(k3 + i), s3);
            }
            scores[j] = VectorMath.Sum(s0) * scale;
            scores[j + 1] = VectorMath.Sum(s1) * scale;
            scores[j + 2] = VectorMath.Sum(s2) * scale;
            scores[j + 3] = VectorMath.Sum(s3) * scale;
        }
        for (; j < count; j++)
        {
            scores[j] =
                VectorMath.Dot(query, keys + ((long)j * headStride), headStride) * scale;
        }
        for (; j < ChunkLength; j++)
        {
            scores[j] = float.NegativeInfinity;
        }
    }

    private static void AddValues(
        float* weights, float* values, int count, int headStride, float correction,
        float* accumulator)
    {
        var c = Vector512.Create(correction);
        int i = 0;
        for (; i + 64 <= headStride; i += 64)
        {
            var a0 = Vector512.Load(accumulator + i) * c;
            var a1 = Vector512.Load(accumulator + i + 16) * c;
            var a2 = Vector512.Load(accumulator + i + 32) * c;
            var a3 = Vector512.Load(accumulator + i + 48) * c;
            float* v = values + i;
            for (int j = 0; j < count; j++, v += headStride)
            {
                var w = Vector512.Create(weights[j]);
                a0 = Vector512.FusedMultiplyAdd(w, Vector512.Load(v), a0);
                a1 = Vector512.FusedMultiplyAdd(w, Vector512.Load(v + 16), a1);
                a2 = Vector512.FusedMultiplyAdd(w, Vector512.Load(v + 32), a2);
                a3 = Vector512.FusedMultiplyAdd(w, Vector512.Load(v + 48), a3);
            }
            a0.Store(accumulator + i);
            a1.Store(accumulator + i + 16);
            a2.Store(accumulator + i + 32);
            a3.Store(accumulator + i + 48);
        }
        for (; i < headStride; i += VectorMath.Lanes)
        {
            var a = Vector512.Load(accumulator + i) * c;
            for (int j = 0; j < count; j++)
            {
                a = Vector512.FusedMultiplyAdd(
                    Vector512.Create(weights[j]),
                    Vector512.Load(values + ((long)j * headStride) + i), a);
            }
            a.Store(accumulator + i);
        }
    }
}
