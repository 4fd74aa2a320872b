using MetalMoe.Core.Plan;
using MetalMoe.Core.Tensors;

namespace MetalMoe.Metal.Memory;

/// <summary>The weights that a plan's operations read.</summary>
internal static class PlanWeights
{
    /// <summary>All of them, some more than once.</summary>
    public static IEnumerable<Weight> Of(ModelPlan plan) => plan.Ops.SelectMany(Of);

    /// <summary>Those of one operation.</summary>
    public static IEnumerable<Weight> Of(PlanOp op) => op switch
    {
        EmbedTokens o => [o.Table],
        RmsNorm o => [o.Gamma],
        Linear o => o.Parts.Select(p => p.Matrix),
        AttentionPrep o => [o.QueryNorm, o.KeyNorm],
        GdnConv o => [o.Kernel],
        GdnScan o => [o.A, o.DtBias, o.Norm],
        Route o => o.SharedGate is { } gate ? [o.Router, gate] : [o.Router],
        MoeGateUp o => o.Shared is { } s
            ? [o.Gate.Matrix, o.Up.Matrix, s.Gate, s.Up] : [o.Gate.Matrix, o.Up.Matrix],
        MoeDown o => o.Shared is { } s ? [o.Down.Matrix, s.Matrix] : [o.Down.Matrix],
        DenseGateUp o => [o.Gate, o.Up],
        LmHead o => [o.Gamma, o.Head],
        _ => [],
    };
}
