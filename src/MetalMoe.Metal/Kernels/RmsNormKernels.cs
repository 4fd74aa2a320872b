using MetalMoe.Core;
using MetalMoe.Core.Plan;

namespace MetalMoe.Metal.Kernels;

/// <summary>RMS norm of rows, where no other kernel does it on the way.</summary>
internal static class RmsNormKernels
{
    public static IReadOnlyList<KernelSpec> All { get; } = [];

    public static void Lower(RmsNorm op, Lowering lowering) =>
        throw new MetalMoeException($"[metal] {op.Name}: no kernel for {op.GetType().Name}");
}
