using MetalMoe.Core;
using MetalMoe.Core.Plan;

namespace MetalMoe.Metal.Kernels;

/// <summary>Rows of the embedding table.</summary>
internal static class EmbedTokensKernels
{
    public static IReadOnlyList<KernelSpec> All { get; } = [];

    public static void Lower(EmbedTokens op, Lowering lowering) =>
        throw new MetalMoeException($"[metal] {op.Name}: no kernel for {op.GetType().Name}");
}
