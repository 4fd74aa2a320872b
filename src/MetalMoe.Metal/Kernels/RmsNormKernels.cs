using MetalMoe.Core.Plan;
using MetalMoe.Core.Tensors;
using MetalMoe.Metal.Dispatch;
using MetalMoe.Metal.Kernels.Args;
using MetalMoe.Metal.Memory;

namespace MetalMoe.Metal.Kernels;

/// <summary>RMS norm of rows, where no other kernel does it on the way.</summary>
internal static class RmsNormKernels
{
    private const int MaxThreads = 256;

    private static readonly KernelSpec s_norm = new(
        "embed", "rms_norm",
        KernelBinding.Read("logits_rows"), KernelBinding.Read("input"),
        KernelBinding.Read("gamma"), KernelBinding.Write("output"));

    public static IReadOnlyList<KernelSpec> All { get; } = [s_norm];

    public static void Lower(RmsNorm op, Lowering lowering)
    {
        BufferRef input = lowering.Rows(op.Input);
        Dispatch(
            default, input, lowering.Rows(op.Output), op.Gamma, op.Epsilon,
            step => new Grid(step.Tokens), perLogitsRow: false, lowering);
    }

    /// <summary>The normed rows that ask for logits, as [R, D].</summary>
    public static void LowerRows(
        BufferRef input, BufferRef output, Weight gamma, float epsilon, Lowering lowering) =>
        Dispatch(
            lowering.OutputRows, input, output, gamma, epsilon, step => new Grid(step.Rows),
            perLogitsRow: true, lowering);

    /// <summary>
    /// Decides about the norm in front of a projection: returns it when the projection's own
    /// kernel is to do it, else lowers it and returns null. Kernels for few tokens pass over the
    /// whole row anyway, so they do it for free; tiled ones would redo it for every tile.
    /// </summary>
    public static RmsNorm? FuseOrLower(
        FusedNorm? norm, Lowering lowering, params ReadOnlySpan<BufferId> outputs)
    {
        // A kernel that overwrites what it norms would pull the rows from under itself.
        bool fuses = lowering.Form != StepForm.Prefill && norm is { OutputNeeded: false }
            && !outputs.Contains(norm.Op.Input);
        if (norm is not null && !fuses)
        {
            Lower(norm.Op, lowering);
        }
        return fuses ? norm?.Op : null;
    }

    private static void Dispatch(
        BufferRef rows, BufferRef input, BufferRef output, Weight gamma, float epsilon,
        GridRule grid, bool perLogitsRow, Lowering lowering)
    {
        int columns = checked((int)gamma.Columns);
        int threads = Math.Min(
            MaxThreads, Grid.Cover(columns, Kernel.SimdWidth) * Kernel.SimdWidth);
        lowering.Dispatch(
            s_norm, new RmsNormArgs { Columns = (uint)columns, Epsilon = epsilon },
            [rows, input, lowering.Weight(gamma), output], grid, threads, 0,
            FunctionConstant.Bool(6, perLogitsRow));
    }
}
