using MetalMoe.Core.Plan;
using MetalMoe.Metal.Dispatch;
using MetalMoe.Metal.Memory;

namespace MetalMoe.Metal.Kernels;

/// <summary>
/// First half of the chosen and of the shared experts. For few tokens the launch also norms its
/// input and chooses the experts; for many the slots are sorted by expert first.
/// </summary>
internal static class MoeGateUpKernels
{
    public static IReadOnlyList<KernelSpec> All { get; } =
        [.. GateUpStack.All, .. SortedSlots.All];

    public static void Lower(MoeGateUp op, Lowering lowering)
    {
        Route route = lowering.Last<Route>();
        RmsNorm? norm = lowering.FusedInto(route);
        bool chooses = RouteKernels.LeavesChoice(lowering);
        int experts = checked((int)route.Router.Rows);
        int used = lowering.Columns(op.ExpertIds);
        BufferRef ids = lowering.Rows(op.ExpertIds);
        var stack = new GateUpStack(
            lowering.Rows(norm?.Input ?? op.Input), checked((int)op.Gate.Matrix.Columns), norm,
            new GateUpExperts(
                op.Gate, op.Up, ids, lowering.Rows(route.ExpertWeights), lowering.Rows(op.Output),
                experts, used, chooses ? route : null),
            op.Shared is { } s ? new GateUpPair(s.Gate, s.Up, lowering.Rows(s.Output)) : null);
        if (chooses)
        {
            stack.Few(lowering);
        }
        else
        {
            var sorted = SortedSlots.Of(experts, used, lowering);
            sorted.Lower(ids, lowering);
            stack.Tiled(lowering, sorted);
        }
    }
}
