using MetalMoe.Core.Plan;
using MetalMoe.Core.Tensors;
using MetalMoe.Metal.Dispatch;
using MetalMoe.Metal.Kernels.Args;
using MetalMoe.Metal.Memory;

namespace MetalMoe.Metal.Kernels;

/// <summary>Products of stacked quantised matrices with the step's rows.</summary>
internal static class LinearKernels
{
    /// <summary>Matrices that one launch can stack.</summary>
    private const int MaxParts = 4;

    private const int RowsPerSimdGroup = 4;

    private static readonly KernelSpec s_single = Spec("linear_matvec_1");
    private static readonly KernelSpec s_few = Spec("linear_matvec_4");
    private static readonly KernelSpec s_tiled = Spec("linear_matmul");

    public static IReadOnlyList<KernelSpec> All { get; } = [s_single, s_few, s_tiled];

    public static void Lower(FusedNorm? norm, Linear op, Lowering lowering)
    {
        RmsNorm? fused = RmsNormKernels.FuseOrLower(
            norm, lowering, [.. op.Parts.Select(p => p.Output)]);
        BufferRef? residual = op.Residual is { } id ? lowering.Rows(id) : null;
        foreach (LinearPart[] parts in op.Parts.Chunk(MaxParts))
        {
            var stack = new Stack(
                [.. parts.Select(p => (p.Matrix, lowering.Rows(p.Output)))],
                lowering.Rows(fused?.Input ?? op.Input), fused, residual, PerLogitsRow: false);
            if (lowering.Form == StepForm.Prefill)
            {
                Tiled(stack, lowering, step => step.Tokens);
            }
            else
            {
                Few(stack, lowering, step => step.Tokens);
            }
        }
    }

    /// <summary>
    /// Logits of the step's R rows from their normed inputs [R, D]. A prompt asks for few rows,
    /// scoring a text for all of them; what a step needs of the two launches has a grid.
    /// </summary>
    public static void LowerHead(
        Weight head, BufferRef input, BufferRef logits, Lowering lowering)
    {
        var stack = new Stack([(head, logits)], input, null, null, PerLogitsRow: true);
        if (lowering.Options.MaxLogitsRows > DispatchForms.MaxDecodeTokens
            && lowering.Form == StepForm.Prefill)
        {
            Tiled(stack, lowering, step => IsFew(step.Rows) ? 0 : step.Rows);
            Few(stack, lowering, step => IsFew(step.Rows) ? step.Rows : 0);
        }
        else
        {
            Few(stack, lowering, step => step.Rows);
        }
    }

    private static bool IsFew(int rows) => rows <= DispatchForms.MaxDecodeTokens;

    private static void Few(Stack stack, Lowering lowering, Func<StepShape, int> rows)
    {
        const int Each = Kernel.SimdGroups * RowsPerSimdGroup;
        int tile = Kernel.TokensPerGroup(lowering);
        stack.Dispatch(
            tile == 1 ? s_single : s_few, Each, Kernel.SimdGroups * Kernel.SimdWidth, tile, rows,
            lowering);
    }

    private static void Tiled(Stack stack, Lowering lowering, Func<StepShape, int> rows) =>
        stack.Dispatch(
            s_tiled, Kernel.TileWeights, Kernel.TileThreads, Kernel.TileTokens, rows, lowering);

    private static KernelSpec Spec(string name) => new(
        "linear", name,
        KernelBinding.Read("input"), KernelBinding.Read("gamma"), KernelBinding.Read("residual"),
        KernelBinding.Read("matrix_0"), KernelBinding.Read("matrix_1"),
        KernelBinding.Read("matrix_2"), KernelBinding.Read("matrix_3"),
        KernelBinding.Write("output_0"), KernelBinding.Write("output_1"),
        KernelBinding.Write("output_2"), KernelBinding.Write("output_3"));

    /// <summary>Up to four matrices over one input, as the shader takes them: a part that is not
    /// there repeats the first one and gets no threadgroups.</summary>
    private sealed record Stack(
        (Weight Matrix, BufferRef Output)[] Parts, BufferRef Input, RmsNorm? Norm,
        BufferRef? Residual, bool PerLogitsRow)
    {
        private const uint Never = uint.MaxValue;

        public void Dispatch(
            KernelSpec kernel, int rowsPerGroup, int threads, int tokensPerGroup,
            Func<StepShape, int> rows, Lowering lowering)
        {
            int groups = 0;
            Span<uint> first = [0, Never, Never, Never];
            for (int i = 0; i < Parts.Length; i++)
            {
                first[i] = (uint)groups;
                groups += Grid.Cover(Parts[i].Matrix.Rows, rowsPerGroup);
            }
            lowering.Dispatch(
                kernel, Arguments(first),
                [
                    Input, Norm is null ? default : lowering.Weight(Norm.Gamma),
                    Residual ?? default,
                    lowering.Weight(Part(0).Matrix), lowering.Weight(Part(1).Matrix),
                    lowering.Weight(Part(2).Matrix), lowering.Weight(Part(3).Matrix),
                    Part(0).Output, Part(1).Output, Part(2).Output, Part(3).Output,
                ],
                step => new Grid(groups, Grid.Cover(rows(step), tokensPerGroup)),
                threads, 0,
                Kernel.Format(0, Part(0).Matrix), Kernel.Format(1, Part(1).Matrix),
                Kernel.Format(2, Part(2).Matrix), Kernel.Format(3, Part(3).Matrix),
                FunctionConstant.Bool(4, Norm is not null),
                FunctionConstant.Bool(5, Residual is not null),
                FunctionConstant.Bool(6, PerLogitsRow));
        }

        private (Weight Matrix, BufferRef Output) Part(int index) =>
            Parts[index < Parts.Length ? index : 0];

        private LinearArgs Arguments(ReadOnlySpan<uint> firstGroups) => new()
        {
            Columns = (uint)Parts[0].Matrix.Columns,
            FirstGroup1 = firstGroups[1],
            FirstGroup2 = firstGroups[2],
            FirstGroup3 = firstGroups[3],
            Rows0 = (uint)Part(0).Matrix.Rows,
            Rows1 = (uint)Part(1).Matrix.Rows,
            Rows2 = (uint)Part(2).Matrix.Rows,
            Rows3 = (uint)Part(3).Matrix.Rows,
            RowBytes0 = Kernel.RowBytes(Part(0).Matrix),
            RowBytes1 = Kernel.RowBytes(Part(1).Matrix),
            RowBytes2 = Kernel.RowBytes(Part(2).Matrix),
            RowBytes3 = Kernel.RowBytes(Part(3).Matrix),
            Epsilon = Norm?.Epsilon ?? 0,
        };
    }
}
