using MetalMoe.Core.Plan;
using MetalMoe.Core.Quants;
using MetalMoe.Core.Tensors;
using MetalMoe.Metal.Dispatch;
using MetalMoe.Metal.Kernels.Args;
using MetalMoe.Metal.Memory;

namespace MetalMoe.Metal.Kernels;

/// <summary>The chosen experts' half of a gate-up launch.</summary>
/// <param name="Gate">Gate matrices.</param>
/// <param name="Up">Up matrices.</param>
/// <param name="Ids">Chosen experts [T, A].</param>
/// <param name="Weights">Their weights [T, A], written where the choice is fused.</param>
/// <param name="Hidden">Output [T, A, F].</param>
/// <param name="Count">E.</param>
/// <param name="Used">A.</param>
/// <param name="Choice">The router whose logits decide, when the launch is to choose.</param>
internal sealed record GateUpExperts(
    ExpertStack Gate, ExpertStack Up, BufferRef Ids, BufferRef Weights, BufferRef Hidden,
    int Count, int Used, Route? Choice);

/// <summary>The shared expert's half, or a dense feed-forward.</summary>
internal sealed record GateUpPair(Weight Gate, Weight Up, BufferRef Hidden);

/// <summary>
/// One launch of <c>shaders/gate_up.metal</c>: experts, a shared or dense pair, or both.
/// </summary>
internal sealed record GateUpStack(
    BufferRef Input, int Columns, RmsNorm? Norm, GateUpExperts? Experts, GateUpPair? Shared)
{
    private const int RowsPerSimdGroup = 2;

    private static readonly KernelSpec s_single = Few("gate_up_matvec_1");
    private static readonly KernelSpec s_few = Few("gate_up_matvec_4");
    private static readonly KernelSpec s_tiled = new(
        "gate_up", "gate_up_matmul",
        KernelBinding.Read("input"), KernelBinding.Read("counts"), KernelBinding.Read("firsts"),
        KernelBinding.Read("slots"), KernelBinding.Read("gate"), KernelBinding.Read("up"),
        KernelBinding.Write("hidden"), KernelBinding.Read("shared_gate"),
        KernelBinding.Read("shared_up"), KernelBinding.Write("shared_hidden"));

    public static IReadOnlyList<KernelSpec> All { get; } = [s_single, s_few, s_tiled];

    private long WidestRows => Math.Max(Experts?.Gate.Rows ?? 0, Shared?.Gate.Rows ?? 0);

    /// <summary>Adds the launch for few tokens.</summary>
    public void Few(Lowering lowering)
    {
        int tile = Kernel.TokensPerGroup(lowering);
        int groups = Grid.Cover(WidestRows, RowsPerSimdGroup * Kernel.SimdGroups);
        int ranks = (Experts?.Used ?? 0) + (Shared is null ? 0 : 1);
        lowering.Dispatch(
            tile == 1 ? s_single : s_few, Arguments(),
            [
                Input, Norm is null ? default : lowering.Weight(Norm.Gamma),
                Experts?.Choice is { } route ? RouteKernels.Logits(route, lowering) : default,
                Experts?.Ids ?? default,
                Experts?.Choice is null ? default : Experts.Weights,
                .. Matrices(lowering),
            ],
            step => new Grid(groups, ranks, Grid.Cover(step.Tokens, tile)),
            Kernel.SimdGroups * Kernel.SimdWidth, 0, Constants());
    }

    /// <summary>Adds the launch for many tokens; <paramref name="sorted"/> when there are
    /// experts.</summary>
    public void Tiled(Lowering lowering, SortedSlots? sorted)
    {
        int groups = Grid.Cover(WidestRows, Kernel.TileWeights / 2);
        bool shared = Shared is not null;
        lowering.Dispatch(
            s_tiled, Arguments(),
            [
                Input, sorted?.Counts ?? default, sorted?.Firsts ?? default,
                sorted?.Slots ?? default, .. Matrices(lowering),
            ],
            step => new Grid(
                groups, (sorted?.Tiles(step.Tokens) ?? 0) + SortedSlots.Plain(shared, step)),
            Kernel.TileThreads, 0, Constants());
    }

    private static KernelSpec Few(string name) => new(
        "gate_up", name,
        KernelBinding.Read("input"), KernelBinding.Read("gamma"), KernelBinding.Read("logits"),
        KernelBinding.ReadWrite("ids"), KernelBinding.Write("weights"),
        KernelBinding.Read("gate"), KernelBinding.Read("up"), KernelBinding.Write("hidden"),
        KernelBinding.Read("shared_gate"), KernelBinding.Read("shared_up"),
        KernelBinding.Write("shared_hidden"));

    private BufferRef[] Matrices(Lowering lowering) =>
    [
        Experts is null ? default : lowering.Weight(Experts.Gate.Matrix),
        Experts is null ? default : lowering.Weight(Experts.Up.Matrix),
        Experts?.Hidden ?? default,
        Shared is null ? default : lowering.Weight(Shared.Gate),
        Shared is null ? default : lowering.Weight(Shared.Up),
        Shared?.Hidden ?? default,
    ];

    private FunctionConstant[] Constants() =>
    [
        Kernel.Format(0, Experts?.Gate.Matrix, QuantFormat.F32),
        Kernel.Format(1, Experts?.Up.Matrix, QuantFormat.F32),
        Kernel.Format(2, Shared?.Gate, QuantFormat.F32),
        Kernel.Format(3, Shared?.Up, QuantFormat.F32),
        FunctionConstant.Bool(4, Norm is not null),
        FunctionConstant.Bool(5, Experts is not null),
        FunctionConstant.Bool(6, Shared is not null),
        FunctionConstant.Bool(7, Experts?.Choice is not null),
    ];

    private GateUpArgs Arguments()
    {
        var args = new GateUpArgs
        {
            Columns = (uint)Columns,
            Scale = Experts?.Choice?.Scale ?? 1,
            Epsilon = Norm?.Epsilon ?? 0,
        };
        if (Experts is { } e)
        {
            args.Experts = (uint)e.Count;
            args.Used = (uint)e.Used;
            args.Rows = (uint)e.Gate.Rows;
            args.GateRowsPerExpert = (uint)e.Gate.RowsPerExpert;
            args.GateRowOffset = (uint)e.Gate.RowOffset;
            args.GateRowBytes = Kernel.RowBytes(e.Gate.Matrix);
            args.UpRowsPerExpert = (uint)e.Up.RowsPerExpert;
            args.UpRowOffset = (uint)e.Up.RowOffset;
            args.UpRowBytes = Kernel.RowBytes(e.Up.Matrix);
        }
        if (Shared is { } s)
        {
            args.SharedRows = (uint)s.Gate.Rows;
            args.SharedGateRowBytes = Kernel.RowBytes(s.Gate);
            args.SharedUpRowBytes = Kernel.RowBytes(s.Up);
        }
        return args;
    }
}
