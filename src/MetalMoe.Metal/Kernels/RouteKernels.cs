using MetalMoe.Core.Plan;
using MetalMoe.Metal.Dispatch;
using MetalMoe.Metal.Kernels.Args;
using MetalMoe.Metal.Memory;

namespace MetalMoe.Metal.Kernels;

/// <summary>
/// Router of a mixture of experts. For few tokens it yields logits only, over as many
/// threadgroups as there are experts, and gate-up chooses; for many it does everything.
/// </summary>
internal static class RouteKernels
{
    private const int TokensPerGroup = 4;
    private const int SimdGroups = 8;

    private static readonly KernelBinding[] s_common =
    [
        KernelBinding.Read("input"), KernelBinding.Read("gamma"), KernelBinding.Read("router"),
        KernelBinding.Read("shared_gate"), KernelBinding.Write("logits"),
        KernelBinding.Write("shared_scale"),
    ];

    private static readonly KernelSpec s_logits = new("route", "route_logits", s_common);
    private static readonly KernelSpec s_route = new(
        "route", "route",
        [.. s_common, KernelBinding.Write("ids"), KernelBinding.Write("weights")]);

    public static IReadOnlyList<KernelSpec> All { get; } = [s_logits, s_route];

    /// <summary>True when gate-up chooses the experts from the router's logits.</summary>
    public static bool LeavesChoice(Lowering lowering) => lowering.Form != StepForm.Prefill;

    public static void Lower(FusedNorm? norm, Route op, Lowering lowering)
    {
        RmsNorm? fused = lowering.FusedInto(op);
        if (norm is not null && fused is null)
        {
            RmsNormKernels.Lower(norm.Op, lowering);
        }
        BufferRef[] buffers =
        [
            lowering.Rows(fused?.Input ?? op.Input),
            fused is null ? default : lowering.Weight(fused.Gamma),
            lowering.Weight(op.Router),
            op.SharedGate is null ? default : lowering.Weight(op.SharedGate),
            Logits(op, lowering),
            op.SharedScale is { } scale ? lowering.Rows(scale) : default,
        ];
        FunctionConstant[] constants =
        [
            FunctionConstant.Bool(4, fused is not null),
            FunctionConstant.Bool(5, op.SharedGate is not null),
        ];
        var args = new RouteArgs
        {
            Columns = (uint)op.Router.Columns,
            Experts = (uint)op.Router.Rows,
            Used = (uint)lowering.Columns(op.ExpertIds),
            Scale = op.Scale,
            Epsilon = fused?.Epsilon ?? 0,
        };
        if (LeavesChoice(lowering))
        {
            long rows = op.Router.Rows + (op.SharedGate is null ? 0 : 1);
            int groups = Grid.Cover(rows, Kernel.SimdGroups);
            lowering.Dispatch(
                s_logits, args, buffers, step => new Grid(groups, step.Tokens),
                Kernel.SimdGroups * Kernel.SimdWidth, 0, constants);
        }
        else
        {
            lowering.Dispatch(
                s_route, args,
                [.. buffers, lowering.Rows(op.ExpertIds), lowering.Rows(op.ExpertWeights)],
                step => new Grid(Grid.Cover(step.Tokens, TokensPerGroup)),
                SimdGroups * Kernel.SimdWidth, 0, constants);
        }
    }

    /// <summary>Router logits [T, E] of the step.</summary>
    public static BufferRef Logits(Route op, Lowering lowering) => lowering.Scratch(
        "router_logits", checked(lowering.MaxTokens * op.Router.Rows * sizeof(float)));
}
