using MetalMoe.Core;
using MetalMoe.Core.Plan;

namespace MetalMoe.Metal.Kernels;

/// <summary>First half of the chosen and of the shared experts.</summary>
internal static class MoeGateUpKernels
{
    public static IReadOnlyList<KernelSpec> All { get; } = [];

    public static void Lower(MoeGateUp op, Lowering lowering) =>
        throw new MetalMoeException($"[metal] {op.Name}: no kernel for {op.GetType().Name}");
}
