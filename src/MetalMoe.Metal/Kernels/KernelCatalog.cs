namespace MetalMoe.Metal.Kernels;

/// <summary>All kernels that the host can dispatch; one line a family.</summary>
internal static class KernelCatalog
{
    public static IReadOnlyList<KernelSpec> All { get; } =
    [
        .. EmbedTokensKernels.All,
        .. RmsNormKernels.All,
        .. LinearKernels.All,
        .. DenseGateUpKernels.All,
        .. RouteKernels.All,
        .. MoeGateUpKernels.All,
        .. MoeDownKernels.All,
        .. LmHeadKernels.All,
        .. AttentionKernels.All,
        .. GdnKernels.All,
        .. SampleKernels.All,
    ];
}
