namespace MetalMoe.Core.Plan;

/// <summary>
/// What a model does for one step, as data: an ordered list of operations over named buffers,
/// and the shapes of the per-sequence state they read and write. It does not change from token
/// to token and knows no device.
/// </summary>
public sealed record ModelPlan
{
    /// <summary>Architecture name, GGUF's word (<c>qwen35moe</c>).</summary>
    public required string Architecture { get; init; }

    /// <summary>D.</summary>
    public required int EmbeddingLength { get; init; }

    /// <summary>V.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>Trained context length, in tokens.</summary>
    public required int ContextLength { get; init; }

    /// <summary>Activation buffers; <see cref="BufferId.Index"/> counts in this list.</summary>
    public required IReadOnlyList<PlanBuffer> Buffers { get; init; }

    /// <summary>Operations in order.</summary>
    public required IReadOnlyList<PlanOp> Ops { get; init; }

    /// <summary>Key/value caches, one an attention layer.</summary>
    public required IReadOnlyList<CacheShape> Caches { get; init; }

    /// <summary>Recurrent states, one a gated-delta-rule layer.</summary>
    public required IReadOnlyList<RecurrentShape> RecurrentStates { get; init; }

    /// <summary>
    /// Token ids that may be fed: rows of the smallest embedding table. That is not
    /// <see cref="VocabularySize"/>, the width of the logits, where a plan ends in something
    /// else than the head.
    /// </summary>
    public long CountTokenIds() => Ops.OfType<EmbedTokens>()
        .Select(o => o.Table.Rows).DefaultIfEmpty(int.MaxValue).Min();
}
