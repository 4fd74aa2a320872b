using MetalMoe.Core.Plan;
using MetalMoe.Metal.Memory;

namespace MetalMoe.Metal.Kernels;

/// <summary>
/// Final norm and logits of the rows that ask for them. The norm has a launch of its own: the
/// head is the largest matrix of all, and every SIMD-group of it would norm the row again.
/// </summary>
internal static class LmHeadKernels
{
    /// <summary>None of its own: those of the norm and of the projections.</summary>
    public static IReadOnlyList<KernelSpec> All { get; } = [];

    public static void Lower(LmHead op, Lowering lowering)
    {
        long bytes = checked(lowering.Options.MaxLogitsRows * op.Gamma.Columns * sizeof(float));
        BufferRef normed = lowering.Scratch("head_input", bytes);
        RmsNormKernels.LowerRows(
            lowering.Rows(op.Input), normed, op.Gamma, op.Epsilon, lowering);
        LinearKernels.LowerHead(op.Head, normed, lowering.Logits, lowering);
    }
}
