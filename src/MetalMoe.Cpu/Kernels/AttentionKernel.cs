using MetalMoe.Core.Plan;
using MetalMoe.Core.Runtime;
using MetalMoe.Cpu.Memory;
using MetalMoe.Cpu.Simd;

namespace MetalMoe.Cpu.Kernels;

/// <summary>What the two attention kernels share: operands and shapes.</summary>
internal sealed record AttentionOperands(
    Attention Op, Rows Query, Rows QueryGate, KeyValueCache Cache, CacheShape Shape, Rows Output)
{
    /// <summary>Query heads that read one kv head.</summary>
    public int HeadsPerKv => Op.HeadCount / Shape.KvHeads;

    public int PartialLength => AttentionBlock.PartialLength(Cache.HeadStride);

    /// <summary>Floats of scratch a worker needs.</summary>
    public int ScratchLength(int tokensPerUnit) =>
        (2 * AttentionBlock.ChunkLength * Cache.HeadStride)
        + (2 * tokensPerUnit * HeadsPerKv * PartialLength);

    public unsafe void Finish(int token, int head, float* partial) => AttentionBlock.Finish(
        partial,
        QueryGate.Row(token) + (((2 * head) + 1) * Shape.HeadDim),
        Shape.HeadDim, Cache.HeadStride,
        Output.Row(token) + (head * Shape.HeadDim));

    /// <summary>
    /// Adds the positions [from, to) that each token may see to the partial results of tokens
    /// [first, last) of one slot and all query heads of one kv head.
    /// </summary>
    public unsafe void AccumulateSpan(
        StepContext step, int first, int last, int kvHead, int from, int to, float* scratch,
        float* partials)
    {
        int slot = step.Slots[first];
        int stride = Cache.HeadStride;
        for (int start = from; start < to; start += AttentionBlock.ChunkLength)
        {
            int length = Math.Min(AttentionBlock.ChunkLength, to - start);
            AttentionChunk chunk = Decode(slot, kvHead, start, length, scratch);
            for (int t = first; t < last; t++)
            {
                int visible = Math.Min(length, step.Positions[t] + 1 - start);
                if (visible > 0)
                {
                    AccumulateHeads(
                        chunk, Query.Row(t) + (kvHead * HeadsPerKv * stride), visible,
                        partials + ((long)(t - first) * HeadsPerKv * PartialLength));
                }
            }
        }
    }

    private unsafe void AccumulateHeads(
        AttentionChunk chunk, float* queries, int count, float* partials)
    {
        int stride = Cache.HeadStride;
        int h = 0;
        for (; h + 2 <= HeadsPerKv; h += 2)
        {
            float* partial = partials + (h * PartialLength);
            AttentionBlock.AccumulatePair(
                chunk, queries + (h * stride), queries + ((h + 1) * stride), count, partial,
                partial + PartialLength);
        }
        if (h < HeadsPerKv)
        {
            AttentionBlock.Accumulate(
                chunk, queries + (h * stride), count, partials + (h * PartialLength));
        }
    }

    /// <summary>
    /// Positions [start, start + length) as f32: in place for an F32 cache whose groups are
    /// whole, else decoded into the scratch memory. Scores of the groups beyond are computed
    /// from what lies in the scratch and then masked.
    /// </summary>
    private unsafe AttentionChunk Decode(
        int slot, int kvHead, int start, int length, float* scratch)
    {
        int stride = Cache.HeadStride;
        int groups = (length + VectorMath.Lanes - 1) / VectorMath.Lanes;
        float* keys = AttentionBlock.Decode(
            Cache.Keys(slot, kvHead, start), Cache.Format,
            (long)groups * VectorMath.Lanes * Shape.HeadDim, scratch,
            inPlace: length == AttentionBlock.ChunkLength);
        float* values = AttentionBlock.Decode(
            Cache.Values(slot, kvHead, start), Cache.Format, (long)length * stride,
            scratch + (AttentionBlock.ChunkLength * Shape.HeadDim), inPlace: true);
        return new AttentionChunk(keys, values, Shape.HeadDim, stride, stride, Op.Scale);
    }
}

/// <summary>
/// Attention of many tokens: a unit is a run of tokens of one segment and one kv head, and goes
/// through all spans in order.
/// </summary>
internal sealed unsafe class AttentionPrefillKernel(
    AttentionOperands operands, WorkerScratch scratch) : CpuKernel(operands.Op.Name)
{
    public const int TokensPerUnit = 8;
    private StepContext _step = null!;
    private int[] _firstUnit = [];

    public override int Prepare(StepContext step)
    {
        _step = step;
        if (_firstUnit.Length < step.SegmentCount + 1)
        {
            _firstUnit = new int[step.SegmentCount + 1];
        }
        int units = 0;
        if (!AttentionDecodeKernel.Splits(step))
        {
            for (int s = 0; s < step.SegmentCount; s++)
            {
                _firstUnit[s] = units;
                units += UnitsOf(step.Segment(s).TokenCount, TokensPerUnit)
                    * operands.Shape.KvHeads;
            }
        }
        return units;
    }

    public override void Run(int unit, int worker)
    {
        int s = _step.SegmentCount - 1;
        while (_firstUnit[s] > unit)
        {
            s--;
        }
        StepSegment segment = _step.Segment(s);
        int local = unit - _firstUnit[s];
        int kvHead = local % operands.Shape.KvHeads;
        int first = segment.FirstToken + (local / operands.Shape.KvHeads * TokensPerUnit);
        int last = Math.Min(first + TokensPerUnit, segment.FirstToken + segment.TokenCount);

        int stride = operands.Cache.HeadStride;
        int length = operands.PartialLength;
        int count = (last - first) * operands.HeadsPerKv;
        float* totals = scratch.Floats(worker) + (2 * AttentionBlock.ChunkLength * stride);
        float* spans = totals + (TokensPerUnit * operands.HeadsPerKv * length);
        int end = _step.Positions[last - 1] + 1;
        Clear(totals, count);
        for (int from = 0; from < end; from += AttentionBlock.SpanLength)
        {
            Clear(spans, count);
            operands.AccumulateSpan(
                _step, first, last, kvHead, from,
                Math.Min(from + AttentionBlock.SpanLength, end), scratch.Floats(worker), spans);
            for (int i = 0; i < count; i++)
            {
                AttentionBlock.Merge(totals + (i * length), spans + (i * length), stride);
            }
        }
        for (int i = 0; i < count; i++)
        {
            int head = (kvHead * operands.HeadsPerKv) + (i % operands.HeadsPerKv);
            operands.Finish(first + (i / operands.HeadsPerKv), head, totals + (i * length));
        }
    }

    private void Clear(float* partials, int count)
    {
        for (int i = 0; i < count; i++)
        {
            AttentionBlock.Clear(
                partials + (i * operands.PartialLength), operands.Cache.HeadStride);
        }
    }
}
