using MetalMoe.Core.Plan;
using MetalMoe.Core.Quants;
using MetalMoe.Core.Tensors;
using MetalMoe.Metal.Dispatch;
using MetalMoe.Metal.Kernels.Args;
using MetalMoe.Metal.Memory;

namespace MetalMoe.Metal.Kernels;

/// <summary>Second half of the experts, weighted and added to the residual.</summary>
internal static class MoeDownKernels
{
    private const int RowsPerSimdGroup = 2;
    private const int CombineThreads = 256;

    private static readonly KernelSpec s_few = new(
        "moe", "moe_down_matvec",
        KernelBinding.Read("hidden"), KernelBinding.Read("ids"), KernelBinding.Read("weights"),
        KernelBinding.Read("down"), KernelBinding.Read("shared_hidden"),
        KernelBinding.Read("shared_down"), KernelBinding.Read("shared_scale"),
        KernelBinding.ReadWrite("residual"));

    private static readonly KernelSpec s_tiled = new(
        "moe", "moe_down_matmul",
        KernelBinding.Read("hidden"), KernelBinding.Read("counts"), KernelBinding.Read("firsts"),
        KernelBinding.Read("slots"), KernelBinding.Read("down"), KernelBinding.Write("routed"),
        KernelBinding.Read("shared_hidden"), KernelBinding.Read("shared_down"),
        KernelBinding.Write("shared"));

    private static readonly KernelSpec s_combine = new(
        "moe", "moe_combine",
        KernelBinding.Read("weights"), KernelBinding.Read("routed"),
        KernelBinding.Read("shared"), KernelBinding.Read("shared_scale"),
        KernelBinding.ReadWrite("residual"));

    public static IReadOnlyList<KernelSpec> All { get; } = [s_few, s_tiled, s_combine];

    public static void Lower(MoeDown op, Lowering lowering)
    {
        if (lowering.Form == StepForm.Prefill)
        {
            LowerTiled(op, lowering);
        }
        else
        {
            LowerFew(op, lowering);
        }
    }

    private static void LowerFew(MoeDown op, Lowering lowering)
    {
        BufferRef hidden = lowering.Rows(op.Hidden);
        BufferRef down = lowering.Weight(op.Down.Matrix);
        int groups = Grid.Cover(op.Down.Rows, RowsPerSimdGroup * Kernel.SimdGroups);
        lowering.Dispatch(
            s_few, Arguments(op, lowering),
            [
                hidden, lowering.Rows(op.ExpertIds), lowering.Rows(op.ExpertWeights), down,
                op.Shared is { } s ? lowering.Rows(s.Hidden) : default,
                op.Shared is { } m ? lowering.Weight(m.Matrix) : default,
                op.Shared?.Scale is { } scale ? lowering.Rows(scale) : default,
                lowering.Rows(op.Residual),
            ],
            step => new Grid(groups, step.Tokens), Kernel.SimdGroups * Kernel.SimdWidth, 0,
            Constants(op));
    }

    private static void LowerTiled(MoeDown op, Lowering lowering)
    {
        int used = lowering.Columns(op.ExpertIds);
        bool hasShared = op.Shared is not null;
        var sorted = SortedSlots.Of(ExpertCount(op), used, lowering);
        long rowBytes = (long)lowering.MaxTokens * op.Down.Rows * sizeof(float);
        BufferRef routed = lowering.Scratch("experts_out", checked(rowBytes * used));
        BufferRef shared = hasShared ? lowering.Scratch("shared_out", rowBytes) : default;
        BufferRef hidden = lowering.Rows(op.Hidden);
        BufferRef down = lowering.Weight(op.Down.Matrix);
        int groups = Grid.Cover(op.Down.Rows, Kernel.TileWeights);
        lowering.Dispatch(
            s_tiled, Arguments(op, lowering),
            [
                hidden, sorted.Counts, sorted.Firsts, sorted.Slots, down, routed,
                op.Shared is { } s ? lowering.Rows(s.Hidden) : default,
                op.Shared is { } m ? lowering.Weight(m.Matrix) : default, shared,
            ],
            step => new Grid(
                groups, sorted.Tiles(step.Tokens) + SortedSlots.Plain(hasShared, step)),
            Kernel.TileThreads, 0, Constants(op));

        int columns = Grid.Cover(op.Down.Rows, CombineThreads);
        lowering.Dispatch(
            s_combine, Arguments(op, lowering),
            [
                lowering.Rows(op.ExpertWeights), routed, shared,
                op.Shared?.Scale is { } scale ? lowering.Rows(scale) : default,
                lowering.Rows(op.Residual),
            ],
            step => new Grid(columns, step.Tokens), CombineThreads, 0, Constants(op));
    }

    private static int ExpertCount(MoeDown op) =>
        checked((int)(op.Down.Matrix.Rows / op.Down.RowsPerExpert));

    private static FunctionConstant[] Constants(MoeDown op) =>
    [
        Kernel.Format(0, op.Down.Matrix),
        Kernel.Format(1, op.Shared?.Matrix, QuantFormat.F32),
        FunctionConstant.Bool(2, op.Shared is not null),
        FunctionConstant.Bool(3, op.Shared?.Scale is not null),
    ];

    private static MoeDownArgs Arguments(MoeDown op, Lowering lowering)
    {
        Weight? shared = op.Shared?.Matrix;
        return new MoeDownArgs
        {
            Rows = (uint)op.Down.Rows,
            Columns = (uint)op.Down.Matrix.Columns,
            Experts = (uint)ExpertCount(op),
            Used = (uint)lowering.Columns(op.ExpertIds),
            RowsPerExpert = (uint)op.Down.RowsPerExpert,
            RowOffset = (uint)op.Down.RowOffset,
            RowBytes = Kernel.RowBytes(op.Down.Matrix),
            SharedColumns = (uint)(shared?.Columns ?? 0),
            SharedRowBytes = shared is null ? 0 : Kernel.RowBytes(shared),
        };
    }
}
