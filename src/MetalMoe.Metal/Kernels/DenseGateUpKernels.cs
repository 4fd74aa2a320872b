using MetalMoe.Core;
using MetalMoe.Core.Plan;

namespace MetalMoe.Metal.Kernels;

/// <summary>First half of the dense feed-forward.</summary>
internal static class DenseGateUpKernels
{
    public static IReadOnlyList<KernelSpec> All { get; } = [];

    public static void Lower(FusedNorm? norm, DenseGateUp op, Lowering lowering) =>
        throw new MetalMoeException($"[metal] {op.Name}: no kernel for {op.GetType().Name}");
}
