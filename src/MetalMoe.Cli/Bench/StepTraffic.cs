using System.Diagnostics;
using MetalMoe.Core.Plan;
using MetalMoe.Core.Runtime;
using MetalMoe.Core.Tensors;

namespace MetalMoe.Cli.Bench;

/// <summary>
/// Bytes a step has to read from memory: every weight it uses once, the cached keys and values
/// up to its last token once, the recurrent state once. Arithmetic on the plan, not a
/// measurement; activations are left out, they stay in caches.
/// </summary>
internal readonly record struct StepTraffic(
    double WeightBytes, double CacheBytes, double StateBytes)
{
    /// <summary>All of it.</summary>
    public double TotalBytes => WeightBytes + CacheBytes + StateBytes;

    /// <summary>Two steps together.</summary>
    public static StepTraffic operator +(StepTraffic a, StepTraffic b) => new(
        a.WeightBytes + b.WeightBytes, a.CacheBytes + b.CacheBytes,
        a.StateBytes + b.StateBytes);

    /// <summary>A fraction of a step.</summary>
    public static StepTraffic operator /(StepTraffic a, double divisor) => new(
        a.WeightBytes / divisor, a.CacheBytes / divisor, a.StateBytes / divisor);

    /// <summary>The traffic of one step of one sequence.</summary>
    /// <param name="executor">Tells the plan and the sizes of cache and state.</param>
    /// <param name="position">Tokens before the step.</param>
    /// <param name="tokens">T: tokens of the step.</param>
    /// <param name="withLogits">Whether the step computes logits.</param>
    public static StepTraffic Of(
        IExecutor executor, int position, int tokens, bool withLogits)
    {
        ModelPlan plan = executor.Plan;
        double weights = plan.Ops
            .Where(op => withLogits || op is not LmHead)
            .Sum(op => Weights(plan, op, tokens));
        ExecutorOptions options = executor.Options;
        double cacheRow =
            (double)executor.Memory.CacheBytes / options.ContextLength / options.Slots;
        return new StepTraffic(
            weights, cacheRow * (position + tokens), executor.RecurrentStateBytes);
    }

    /// <summary>The average step of <paramref name="count"/> decoded tokens.</summary>
    public static StepTraffic OfDecode(IExecutor executor, int depth, int count)
    {
        StepTraffic sum = default;
        for (int i = 0; i < count; i++)
        {
            sum += Of(executor, depth + i, tokens: 1, withLogits: true);
        }
        return sum / count;
    }

    /// <summary>All steps of a prompt; only the last computes logits.</summary>
    public static StepTraffic OfPrefill(IExecutor executor, int tokens)
    {
        StepTraffic sum = default;
        int batch = executor.Options.MaxBatchTokens;
        for (int position = 0; position < tokens; position += batch)
        {
            int count = Math.Min(batch, tokens - position);
            sum += Of(executor, position, count, withLogits: position + count == tokens);
        }
        return sum;
    }

    /// <summary>
    /// Different experts that T tokens are expected to choose, A each out of E, if the router
    /// likes all the same: E (1 - (1 - A/E)^T). Exactly A for one token.
    /// </summary>
    internal static double ExpectedExperts(double experts, double used, int tokens) =>
        tokens == 1 ? used : experts * (1 - Math.Pow(1 - (used / experts), tokens));

    private static double Weights(ModelPlan plan, PlanOp op, int tokens) => op switch
    {
        EmbedTokens o => (double)o.Table.RowBytes * tokens,
        RmsNorm o => o.Gamma.ByteCount,
        Linear o => o.Parts.Sum(p => (double)p.Matrix.ByteCount),
        AttentionPrep o => o.QueryNorm.ByteCount + o.KeyNorm.ByteCount,
        Attention => 0,
        GdnConv o => o.Kernel.ByteCount,
        GdnScan o => o.A.ByteCount + o.DtBias.ByteCount + o.Norm.ByteCount,
        Route o => o.Router.ByteCount + Bytes(o.SharedGate),
        MoeGateUp o => Experts(plan, o.ExpertIds, [o.Gate, o.Up], tokens)
            + Bytes(o.Shared?.Gate) + Bytes(o.Shared?.Up),
        MoeDown o => Experts(plan, o.ExpertIds, [o.Down], tokens) + Bytes(o.Shared?.Matrix),
        DenseGateUp o => o.Gate.ByteCount + o.Up.ByteCount,
        LmHead o => o.Gamma.ByteCount + o.Head.ByteCount,
        _ => throw new UnreachableException($"{op.GetType().Name} has no traffic formula"),
    };

    private static double Experts(
        ModelPlan plan, BufferId ids, ReadOnlySpan<ExpertStack> stacks, int tokens)
    {
        int used = plan.Buffers[ids.Index].Columns;
        double bytes = 0;
        foreach (ExpertStack stack in stacks)
        {
            double experts = (double)stack.Matrix.Rows / stack.RowsPerExpert;
            bytes += ExpectedExperts(experts, used, tokens)
                * stack.Rows * stack.Matrix.RowBytes;
        }
        return bytes;
    }

    private static double Bytes(Weight? weight) => weight?.ByteCount ?? 0;
}
