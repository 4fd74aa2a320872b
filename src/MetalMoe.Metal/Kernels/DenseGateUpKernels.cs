using MetalMoe.Core.Plan;
using MetalMoe.Metal.Dispatch;
using MetalMoe.Metal.Memory;

namespace MetalMoe.Metal.Kernels;

/// <summary>First half of the dense feed-forward: a shared expert without other experts.
/// </summary>
internal static class DenseGateUpKernels
{
    /// <summary>None of its own: those of <see cref="MoeGateUpKernels"/>.</summary>
    public static IReadOnlyList<KernelSpec> All { get; } = [];

    public static void Lower(FusedNorm? norm, DenseGateUp op, Lowering lowering)
    {
        RmsNorm? fused = RmsNormKernels.FuseOrLower(norm, lowering, op.Output);
        BufferRef input = lowering.Rows(fused?.Input ?? op.Input);
        var stack = new GateUpStack(
            input, checked((int)op.Gate.Columns), fused, Experts: null,
            new GateUpPair(op.Gate, op.Up, lowering.Rows(op.Output)));
        if (lowering.Form == StepForm.Prefill)
        {
            stack.Tiled(lowering, sorted: null);
        }
        else
        {
            stack.Few(lowering);
        }
    }
}
