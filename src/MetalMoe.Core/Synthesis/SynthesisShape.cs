namespace MetalMoe.Core.Synthesis;

/// <summary>
/// Shape of a Qwen3.5-family model to synthesise, in GGUF's words. The defaults are the smallest
/// model that has every kind of layer.
/// </summary>
public sealed record SynthesisShape
{
    /// <summary><c>qwen35moe</c> or <c>qwen35</c> (dense).</summary>
    public string Architecture { get; init; } = "qwen35moe";

    /// <summary>L: trunk layers.</summary>
    public int Layers { get; init; } = 4;

    /// <summary>D.</summary>
    public int EmbeddingLength { get; init; } = 256;

    /// <summary>H.</summary>
    public int HeadCount { get; init; } = 4;

    /// <summary>G.</summary>
    public int HeadCountKv { get; init; } = 2;

    /// <summary>K.</summary>
    public int KeyLength { get; init; } = 64;

    /// <summary>Rotated dimensions of a head.</summary>
    public int RopeDimensionCount { get; init; } = 16;

    /// <summary>Base of the rotary frequencies.</summary>
    public float RopeFreqBase { get; init; } = 1e6f;

    /// <summary>Every n-th layer is full attention.</summary>
    public int FullAttentionInterval { get; init; } = 4;

    /// <summary>Explicit pattern [L] (true = recurrent) instead of the interval.</summary>
    public IReadOnlyList<bool>? RecurrentLayers { get; init; }

    /// <summary>Head dimension of the recurrent layers.</summary>
    public int SsmStateSize { get; init; } = 64;

    /// <summary>Kh.</summary>
    public int SsmGroupCount { get; init; } = 2;

    /// <summary>Vh.</summary>
    public int SsmTimeStepRank { get; init; } = 4;

    /// <summary>Taps of the causal convolution.</summary>
    public int SsmConvKernel { get; init; } = 4;

    /// <summary>E.</summary>
    public int ExpertCount { get; init; } = 8;

    /// <summary>A.</summary>
    public int ExpertUsedCount { get; init; } = 2;

    /// <summary>F.</summary>
    public int ExpertFeedForwardLength { get; init; } = 256;

    /// <summary>Width of the shared expert, 0 for none.</summary>
    public int ExpertSharedFeedForwardLength { get; init; } = 256;

    /// <summary>Factor on the expert weights, 0 for none.</summary>
    public float ExpertWeightsScale { get; init; }

    /// <summary>Width of the dense feed-forward (<c>qwen35</c>).</summary>
    public int FeedForwardLength { get; init; } = 512;

    /// <summary>V.</summary>
    public int VocabularySize { get; init; } = 512;

    /// <summary>Trained context, tokens.</summary>
    public int ContextLength { get; init; } = 4096;

    /// <summary>No output matrix: the embedding is used.</summary>
    public bool TiedHead { get; init; }

    /// <summary>Gate and up experts in one tensor.</summary>
    public bool FusedGateUp { get; init; }

    /// <summary>Query, key and value in one tensor.</summary>
    public bool FusedQkv { get; init; }

    /// <summary>Adds a multi-token-prediction block after the trunk.</summary>
    public bool MultiTokenPrediction { get; init; }

    /// <summary>The presets by name, with what they are.</summary>
    public static IReadOnlyDictionary<string, SynthesisShape> Presets { get; } =
        new Dictionary<string, SynthesisShape>(StringComparer.Ordinal)
        {
            ["tiny"] = new(),
            ["tiny-dense"] = new() { Architecture = "qwen35" },
            ["qwen3.5-35b-a3b"] = new()
            {
                Layers = 40,
                EmbeddingLength = 2048,
                HeadCount = 16,
                HeadCountKv = 2,
                KeyLength = 256,
                RopeDimensionCount = 64,
                RopeFreqBase = 1e7f,
                SsmStateSize = 128,
                SsmGroupCount = 16,
                SsmTimeStepRank = 32,
                ExpertCount = 256,
                ExpertUsedCount = 8,
                ExpertFeedForwardLength = 512,
                ExpertSharedFeedForwardLength = 512,
                VocabularySize = 248320,
                ContextLength = 262144,
            },
            ["qwen3.5-27b"] = new()
            {
                Architecture = "qwen35",
                Layers = 64,
                EmbeddingLength = 5120,
                HeadCount = 24,
                HeadCountKv = 4,
                KeyLength = 256,
                RopeDimensionCount = 64,
                RopeFreqBase = 1e7f,
                SsmStateSize = 128,
                SsmGroupCount = 16,
                SsmTimeStepRank = 48,
                FeedForwardLength = 17408,
                VocabularySize = 248320,
                ContextLength = 262144,
            },
        };

    internal bool IsMoe => Architecture == "qwen35moe";

    internal bool IsRecurrent(int layer) =>
        RecurrentLayers?[layer] ?? ((layer + 1) % FullAttentionInterval != 0);

    internal void Validate()
    {
        Check(Architecture is "qwen35moe" or "qwen35", nameof(Architecture), Architecture);
        Check(Layers >= 1, nameof(Layers), Layers);
        Check(HeadCountKv >= 1 && HeadCount % HeadCountKv == 0, nameof(HeadCountKv), HeadCountKv);
        Check(SsmGroupCount >= 1 && SsmTimeStepRank % SsmGroupCount == 0,
            nameof(SsmTimeStepRank), SsmTimeStepRank);
        Check(RopeDimensionCount % 2 == 0 && RopeDimensionCount is >= 2
            && RopeDimensionCount <= KeyLength, nameof(RopeDimensionCount), RopeDimensionCount);
        Check(ExpertUsedCount >= 1 && ExpertUsedCount <= ExpertCount, nameof(ExpertUsedCount),
            ExpertUsedCount);
        Check(RecurrentLayers is null || RecurrentLayers.Count == Layers,
            nameof(RecurrentLayers), RecurrentLayers?.Count ?? 0);
        Check(EmbeddingLength >= 1 && KeyLength >= 1 && SsmStateSize >= 1
            && VocabularySize >= 1, nameof(EmbeddingLength), EmbeddingLength);
        Check(FullAttentionInterval >= 1, nameof(FullAttentionInterval), FullAttentionInterval);
        Check(ExpertSharedFeedForwardLength >= 0, nameof(ExpertSharedFeedForwardLength),
            ExpertSharedFeedForwardLength);
    }

    private static void Check(bool holds, string name, object found)
    {
        if (!holds)
        {
            throw new MetalMoeException($"[synth] {name}: {found} is not possible");
        }
    }
}
