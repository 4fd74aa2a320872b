using MetalMoe.Core;
using MetalMoe.Core.Plan;

namespace MetalMoe.Metal.Kernels;

/// <summary>Products of stacked quantised matrices with the step's rows.</summary>
internal static class LinearKernels
{
    public static IReadOnlyList<KernelSpec> All { get; } = [];

    public static void Lower(FusedNorm? norm, Linear op, Lowering lowering) =>
        throw new MetalMoeException($"[metal] {op.Name}: no kernel for {op.GetType().Name}");
}
