using MetalMoe.Core;
using MetalMoe.Core.Plan;

namespace MetalMoe.Metal.Kernels;

/// <summary>Router of a mixture of experts.</summary>
internal static class RouteKernels
{
    public static IReadOnlyList<KernelSpec> All { get; } = [];

    public static void Lower(FusedNorm? norm, Route op, Lowering lowering) =>
        throw new MetalMoeException($"[metal] {op.Name}: no kernel for {op.GetType().Name}");
}
