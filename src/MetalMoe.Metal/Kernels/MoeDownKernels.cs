using MetalMoe.Core;
using MetalMoe.Core.Plan;

namespace MetalMoe.Metal.Kernels;

/// <summary>Second half of the experts, weighted and added to the residual.</summary>
internal static class MoeDownKernels
{
    public static IReadOnlyList<KernelSpec> All { get; } = [];

    public static void Lower(MoeDown op, Lowering lowering) =>
        throw new MetalMoeException($"[metal] {op.Name}: no kernel for {op.GetType().Name}");
}
