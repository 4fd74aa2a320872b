using MetalMoe.Core;
using MetalMoe.Core.Plan;

namespace MetalMoe.Metal.Kernels;

/// <summary>Final norm and logits of the rows that ask for them.</summary>
internal static class LmHeadKernels
{
    public static IReadOnlyList<KernelSpec> All { get; } = [];

    public static void Lower(LmHead op, Lowering lowering) =>
        throw new MetalMoeException($"[metal] {op.Name}: no kernel for {op.GetType().Name}");
}
