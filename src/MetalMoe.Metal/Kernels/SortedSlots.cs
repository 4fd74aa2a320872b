using MetalMoe.Metal.Dispatch;
using MetalMoe.Metal.Kernels.Args;
using MetalMoe.Metal.Memory;

namespace MetalMoe.Metal.Kernels;

/// <summary>
/// The step's slots t A + a in the order of their experts, as <c>moe_sort</c> leaves them.
/// </summary>
/// <param name="Counts">Slots of each expert [E].</param>
/// <param name="Firsts">Where they begin in <paramref name="Slots"/> [E].</param>
/// <param name="Slots">The slots [T A].</param>
/// <param name="Experts">E.</param>
/// <param name="Used">A.</param>
internal sealed record SortedSlots(
    BufferRef Counts, BufferRef Firsts, BufferRef Slots, int Experts, int Used)
{
    private static readonly KernelSpec s_sort = new(
        "moe", "moe_sort",
        KernelBinding.Read("ids"), KernelBinding.Write("counts"), KernelBinding.Write("firsts"),
        KernelBinding.Write("slots"));

    public static IReadOnlyList<KernelSpec> All { get; } = [s_sort];

    /// <summary>The memory of the sorted slots, the same for all layers of a shape.</summary>
    public static SortedSlots Of(int experts, int used, Lowering lowering)
    {
        long slots = checked((long)lowering.MaxTokens * used * sizeof(uint));
        return new SortedSlots(
            lowering.Scratch("expert_counts", (long)experts * sizeof(uint)),
            lowering.Scratch("expert_firsts", (long)experts * sizeof(uint)),
            lowering.Scratch("expert_slots", slots), experts, used);
    }

    /// <summary>Adds the launch that sorts.</summary>
    public void Lower(BufferRef ids, Lowering lowering) => lowering.Dispatch(
        s_sort, new MoeSortArgs { Experts = (uint)Experts, Used = (uint)Used },
        [ids, Counts, Firsts, Slots],
        _ => new Grid(Experts), Kernel.SimdWidth);

    /// <summary>Most tiles that the experts of a step fill: each that has slots may leave its
    /// last tile unfilled.</summary>
    public int Tiles(int tokens)
    {
        int slots = checked(tokens * Used);
        return Math.Min(Experts, slots) + (slots / Kernel.TileTokens);
    }

    /// <summary>Tiles of a matrix that all tokens use, when there is one.</summary>
    public static int Plain(bool present, StepShape step) =>
        present ? Grid.Cover(step.Tokens, Kernel.TileTokens) : 0;
}
