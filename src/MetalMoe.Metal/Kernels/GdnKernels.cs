using MetalMoe.Core;
using MetalMoe.Core.Plan;

namespace MetalMoe.Metal.Kernels;

/// <summary>Short convolution and gated delta rule.</summary>
internal static class GdnKernels
{
    public static IReadOnlyList<KernelSpec> All { get; } = [];

    public static void Lower(GdnConv conv, GdnScan op, Lowering lowering) =>
        throw new MetalMoeException($"[metal] {op.Name}: no kernel for {op.GetType().Name}");
}
