using MetalMoe.Core;
using MetalMoe.Core.Plan;
using MetalMoe.Core.Runtime;
using MetalMoe.Metal.Dispatch;
using MetalMoe.Metal.Kernels.Args;
using MetalMoe.Metal.Memory;

namespace MetalMoe.Metal.Kernels;

/// <summary>
/// Query and key norms, rotary embedding, cache write and attention. A decode step takes two
/// dispatches: spans of the cache, then their merge with the output gate.
/// </summary>
internal static class AttentionKernels
{
    private const int SimdGroups = 4;
    private const int Threads = 32 * SimdGroups;
    private const int TileRows = 8;
    private static readonly int[] s_paddedDims = [32, 64, 128, 256];
    private static readonly int[] s_headsPerGroup = [1, 2, 4, 8];

    /// <summary>Joins the spans of a token.</summary>
    public static KernelSpec Merge { get; } = new(
        "attention_decode", "attention_merge", KernelBinding.Read("tokens"),
        KernelBinding.Read("query_gate"), KernelBinding.Read("partial"),
        KernelBinding.Read("partial_stats"), KernelBinding.Write("output"));

    public static IReadOnlyList<KernelSpec> All { get; } = [.. Instantiations(), Merge];

    /// <summary>Prepares and attends to spans of the cache.</summary>
    /// <param name="format">Of the cache.</param>
    /// <param name="paddedDim">Elements between two rows of the cache.</param>
    /// <param name="headsPerKv">H / G; a threadgroup takes up to 8 of them.</param>
    public static KernelSpec Decode(CacheFormat format, int paddedDim, int headsPerKv) => new(
        "attention_decode",
        $"attention_decode_{Suffix(format, paddedDim)}_r{HeadsPerGroup(headsPerKv)}",
        KernelBinding.Read("tokens"), KernelBinding.Read("segments"),
        KernelBinding.Read("query_gate"), KernelBinding.Read("key"), KernelBinding.Read("value"),
        KernelBinding.Read("query_norm"), KernelBinding.Read("key_norm"),
        KernelBinding.Read("frequencies"), KernelBinding.ReadWrite("key_cache"),
        KernelBinding.ReadWrite("value_cache"), KernelBinding.Write("partial"),
        KernelBinding.Write("partial_stats"));

    /// <summary>Readies queries and writes the cache for <see cref="Prefill"/>.</summary>
    public static KernelSpec Prep(CacheFormat format, int paddedDim) => new(
        "attention_prefill", $"attention_prep_{Suffix(format, paddedDim)}",
        KernelBinding.Read("tokens"), KernelBinding.Read("segments"),
        KernelBinding.Read("query_gate"), KernelBinding.Read("key"), KernelBinding.Read("value"),
        KernelBinding.Read("query_norm"), KernelBinding.Read("key_norm"),
        KernelBinding.Read("frequencies"), KernelBinding.Write("key_cache"),
        KernelBinding.Write("value_cache"), KernelBinding.Write("query"));

    /// <summary>Attention of many tokens.</summary>
    public static KernelSpec Prefill(CacheFormat format, int paddedDim) => new(
        "attention_prefill", $"attention_prefill_{Suffix(format, paddedDim)}",
        KernelBinding.Read("tokens"), KernelBinding.Read("segments"),
        KernelBinding.Read("query_gate"), KernelBinding.Read("query"),
        KernelBinding.Read("key_cache"), KernelBinding.Read("value_cache"),
        KernelBinding.Write("output"));

    /// <summary>
    /// Rotary frequencies base^(-2i / n) in turns, as 64-bit fractions: a kernel multiplies them
    /// by a position in integers, where whole turns fall away without rounding.
    /// </summary>
    public static ulong[] Frequencies(RopeParameters rope)
    {
        var frequencies = new ulong[rope.Dimensions / 2];
        for (int i = 0; i < frequencies.Length; i++)
        {
            double radians = Math.Pow(rope.Base, -2.0 * i / rope.Dimensions);
            frequencies[i] = (ulong)(radians / (2 * Math.PI) * Math.Pow(2, 64));
        }
        return frequencies;
    }

    /// <summary>Threadgroups of <see cref="Decode"/>.</summary>
    public static Grid DecodeGrid(in AttentionArgs args, StepShape step)
    {
        int ratio = (int)(args.HeadCount / args.KvHeadCount);
        int blocks = Grid.Cover(ratio, HeadsPerGroup(ratio));
        // A token with fewer positions may have more spans than the longest, never more than this.
        int spans = Math.Min(
            (int)args.MaxSplits, Grid.Cover(step.Positions, (int)args.MinSpan));
        return new Grid(spans, (int)args.KvHeadCount * blocks, step.Tokens);
    }

    /// <summary>Threadgroups of <see cref="Prep"/>.</summary>
    public static Grid PrepGrid(in AttentionArgs args, StepShape step) => new(
        Grid.Cover(args.HeadCount + args.KvHeadCount, SimdGroups),
        Grid.Cover(step.Tokens, TileRows) * TileRows);

    /// <summary>Threadgroups of <see cref="Prefill"/>.</summary>
    public static Grid PrefillGrid(in AttentionArgs args, StepShape step) => new(
        Grid.Cover(args.HeadCount, SimdGroups), Grid.Cover(step.Tokens, TileRows));

    public static void Lower(AttentionPrep prep, Attention op, Lowering lowering)
    {
        CacheMemory cache = lowering.Cache(op.CacheIndex);
        var args = new AttentionArgs
        {
            HeadCount = (uint)op.HeadCount,
            KvHeadCount = (uint)cache.Shape.KvHeads,
            HeadDim = (uint)cache.Shape.HeadDim,
            PaddedDim = (uint)cache.PaddedDim,
            RotatedDim = (uint)prep.Rope.Dimensions,
            CacheRows = (uint)cache.Rows,
            MaxSplits = 32,
            MinSpan = 128,
            Scale = op.Scale,
            Epsilon = prep.Epsilon,
        };
        BufferRef frequencies = lowering.Table(
            $"rotary frequencies {prep.Rope.Base:R} {prep.Rope.Dimensions}",
            () => Frequencies(prep.Rope));
        if (lowering.Form == StepForm.Decode)
        {
            LowerDecode(prep, op, lowering, cache, args, frequencies);
        }
        else
        {
            LowerPrefill(prep, op, lowering, cache, args, frequencies);
        }
    }

    private static void LowerDecode(
        AttentionPrep prep, Attention op, Lowering lowering, CacheMemory cache,
        AttentionArgs args, BufferRef frequencies)
    {
        long spans = (long)lowering.MaxTokens * args.HeadCount * args.MaxSplits;
        BufferRef partial = lowering.Scratch(
            "attention spans", spans * args.PaddedDim * sizeof(float));
        BufferRef stats = lowering.Scratch("attention span sums", spans * 2 * sizeof(float));
        int ratio = (int)(args.HeadCount / args.KvHeadCount);
        lowering.Dispatch(
            Decode(cache.Format, cache.PaddedDim, ratio), args,
            [lowering.Tokens, lowering.Segments, .. Operands(prep, lowering, frequencies),
                cache.Keys, cache.Values, partial, stats],
            step => DecodeGrid(args, step), Threads);
        lowering.Dispatch(
            Merge, args,
            [lowering.Tokens, lowering.Rows(op.QueryGate), partial, stats,
                lowering.Rows(op.Output)],
            step => new Grid((int)args.HeadCount, step.Tokens), (int)args.PaddedDim);
    }

    private static void LowerPrefill(
        AttentionPrep prep, Attention op, Lowering lowering, CacheMemory cache,
        AttentionArgs args, BufferRef frequencies)
    {
        long rows = Grid.Cover(lowering.MaxTokens, TileRows) * TileRows;
        BufferRef query = lowering.Scratch(
            "attention queries", rows * args.HeadCount * args.PaddedDim * sizeof(float));
        lowering.Dispatch(
            Prep(cache.Format, cache.PaddedDim), args,
            [lowering.Tokens, lowering.Segments, .. Operands(prep, lowering, frequencies),
                cache.Keys, cache.Values, query],
            step => PrepGrid(args, step), Threads);
        lowering.Dispatch(
            Prefill(cache.Format, cache.PaddedDim), args,
            [lowering.Tokens, lowering.Segments, lowering.Rows(op.QueryGate), query, cache.Keys,
                cache.Values, lowering.Rows(op.Output)],
            step => PrefillGrid(args, step), Threads);
    }

    private static BufferRef[] Operands(
        AttentionPrep prep, Lowering lowering, BufferRef frequencies) =>
    [
        lowering.Rows(prep.QueryGate), lowering.Rows(prep.Key), lowering.Rows(prep.Value),
        lowering.Weight(prep.QueryNorm), lowering.Weight(prep.KeyNorm), frequencies,
    ];

    private static string Suffix(CacheFormat format, int paddedDim) =>
        $"{(format == CacheFormat.F16 ? "f16" : "f32")}_k{paddedDim}";

    private static int HeadsPerGroup(int headsPerKv)
    {
        foreach (int heads in s_headsPerGroup)
        {
            if (headsPerKv <= heads)
            {
                return heads;
            }
        }
        return s_headsPerGroup[^1];
    }

    private static IEnumerable<KernelSpec> Instantiations()
    {
        foreach (CacheFormat format in Enum.GetValues<CacheFormat>())
        {
            foreach (int dim in s_paddedDims)
            {
                foreach (int heads in s_headsPerGroup)
                {
                    yield return Decode(format, dim, heads);
                }
                yield return Prep(format, dim);
                yield return Prefill(format, dim);
            }
        }
    }
}
