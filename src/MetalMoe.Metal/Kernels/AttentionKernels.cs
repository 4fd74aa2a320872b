using MetalMoe.Core;
using MetalMoe.Core.Plan;

namespace MetalMoe.Metal.Kernels;

/// <summary>Query and key norms, rotary embedding, cache write and attention.</summary>
internal static class AttentionKernels
{
    public static IReadOnlyList<KernelSpec> All { get; } = [];

    public static void Lower(AttentionPrep prep, Attention op, Lowering lowering) =>
        throw new MetalMoeException($"[metal] {op.Name}: no kernel for {op.GetType().Name}");
}
