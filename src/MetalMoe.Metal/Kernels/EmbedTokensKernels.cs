using MetalMoe.Core.Plan;
using MetalMoe.Metal.Dispatch;
using MetalMoe.Metal.Kernels.Args;

namespace MetalMoe.Metal.Kernels;

/// <summary>Rows of the embedding table.</summary>
internal static class EmbedTokensKernels
{
    private const int RunLength = 16;
    private const int Threads = 64;

    private static readonly KernelSpec s_embed = new(
        "embed", "embed_tokens",
        KernelBinding.Read("tokens"), KernelBinding.Read("table"), KernelBinding.Write("output"));

    public static IReadOnlyList<KernelSpec> All { get; } = [s_embed];

    public static void Lower(EmbedTokens op, Lowering lowering)
    {
        int groups = Grid.Cover(op.Table.Columns, RunLength * Threads);
        lowering.Dispatch(
            s_embed,
            new EmbedArgs
            {
                Columns = (uint)op.Table.Columns,
                RowBytes = Kernel.RowBytes(op.Table),
            },
            [lowering.Tokens, lowering.Weight(op.Table), lowering.Rows(op.Output)],
            step => new Grid(groups, step.Tokens), Threads, 0,
            Kernel.Format(0, op.Table));
    }
}
