using MetalMoe.Cpu.Memory;

namespace MetalMoe.Cpu.Kernels;

/// <summary>
/// Attention of a few tokens, split over the cache so that all threads have work: a unit is one
/// token, one kv head and one span of positions. <see cref="AttentionMergeKernel"/> follows.
/// </summary>
internal sealed unsafe class AttentionDecodeKernel(
    AttentionOperands operands, SpanPartials partials, WorkerScratch scratch)
    : CpuKernel(operands.Op.Name)
{
    /// <summary>Most tokens of a step that are split over the cache.</summary>
    public const int MaxTokens = 8;
    private StepContext _step = null!;

    /// <summary>True when the step has so few tokens that their caches are split.</summary>
    public static bool Splits(StepContext step) => step.TokenCount <= MaxTokens;

    public override int Prepare(StepContext step)
    {
        _step = step;
        return Splits(step) ? partials.Plan(step) * operands.Shape.KvHeads : 0;
    }

    public override void Run(int unit, int worker)
    {
        int kvHead = unit % operands.Shape.KvHeads;
        var (token, span) = partials.Item(unit / operands.Shape.KvHeads);
        int from = span * AttentionBlock.SpanLength;
        int to = Math.Min(from + AttentionBlock.SpanLength, _step.Positions[token] + 1);
        float* first = partials.Partial(token, span, kvHead * operands.HeadsPerKv);
        for (int h = 0; h < operands.HeadsPerKv; h++)
        {
            AttentionBlock.Clear(
                first + (h * operands.PartialLength), operands.Cache.HeadStride);
        }
        operands.AccumulateSpan(
            _step, token, token + 1, kvHead, from, to, scratch.Floats(worker), first);
    }
}

/// <summary>Merges the spans of each token in order. A unit is a token.</summary>
internal sealed unsafe class AttentionMergeKernel(
    AttentionOperands operands, SpanPartials partials, WorkerScratch scratch)
    : CpuKernel(operands.Op.Name + ".merge")
{
    private StepContext _step = null!;

    public override int Prepare(StepContext step)
    {
        _step = step;
        return AttentionDecodeKernel.Splits(step) ? step.TokenCount : 0;
    }

    public override void Run(int unit, int worker)
    {
        int stride = operands.Cache.HeadStride;
        float* total = scratch.Floats(worker);
        int spans = SpanPartials.SpansOf(_step.Positions[unit]);
        for (int head = 0; head < operands.Op.HeadCount; head++)
        {
            AttentionBlock.Clear(total, stride);
            for (int span = 0; span < spans; span++)
            {
                AttentionBlock.Merge(total, partials.Partial(unit, span, head), stride);
            }
            operands.Finish(unit, head, total);
        }
    }
}
