using MetalMoe.Core.Gguf;
using MetalMoe.Core.Plan;
using MetalMoe.Core.Tensors;

namespace MetalMoe.Core.Models;

/// <summary>
/// Hyper-parameters of the Qwen3.5 family under GGUF's own names, read and checked against each
/// other before any tensor is touched.
/// </summary>
internal sealed record Qwen35HyperParameters
{
    private const int MaxLayers = 4096;
    private const int MaxDimension = 1 << 24;

    public required string Architecture { get; init; }

    /// <summary>L: trunk layers (GGUF's block_count without the multi-token-prediction blocks).
    /// </summary>
    public required int TrunkBlockCount { get; init; }

    public required int BlockCount { get; init; }

    public required int ContextLength { get; init; }

    public required int EmbeddingLength { get; init; }

    public required int HeadCount { get; init; }

    public required int HeadCountKv { get; init; }

    public required int KeyLength { get; init; }

    public required float Epsilon { get; init; }

    public required float AttentionScale { get; init; }

    public required RopeParameters Rope { get; init; }

    /// <summary>True for a gated-delta-rule layer, false for full attention; [L].</summary>
    public required IReadOnlyList<bool> IsRecurrent { get; init; }

    public required int SsmConvKernel { get; init; }

    /// <summary>Head dimension of keys and values in the gated-delta-rule layers.</summary>
    public required int SsmStateSize { get; init; }

    /// <summary>Kh: key heads.</summary>
    public required int SsmGroupCount { get; init; }

    /// <summary>Vh: value heads.</summary>
    public required int SsmTimeStepRank { get; init; }

    public int SsmConvChannels => SsmStateSize * ((2 * SsmGroupCount) + SsmTimeStepRank);

    public int SsmInnerSize => SsmStateSize * SsmTimeStepRank;

    /// <summary>Reads the keys of <paramref name="file"/>.</summary>
    public static Qwen35HyperParameters Read(GgufFile file)
    {
        var keys = new KeyReader(file);
        int blocks = keys.Int("block_count", 1, MaxLayers);
        int mtp = keys.IntOr("nextn_predict_layers", 0, 0, blocks - 1);
        int heads = keys.Int("attention.head_count", 1, 65536);
        int kvHeads = keys.Int("attention.head_count_kv", 1, heads);
        keys.Check(heads % kvHeads == 0, "attention.head_count_kv",
            $"a divisor of head_count {heads}", kvHeads);
        int keyLength = keys.Int("attention.key_length", 1, 65536);
        int valueLength = keys.IntOr("attention.value_length", keyLength, 1, 65536);
        keys.Check(valueLength == keyLength, "attention.value_length",
            $"key_length {keyLength}", valueLength);
        var p = new Qwen35HyperParameters
        {
            Architecture = keys.Architecture,
            BlockCount = blocks,
            TrunkBlockCount = blocks - mtp,
            ContextLength = keys.Int("context_length", 1, int.MaxValue),
            EmbeddingLength = keys.Int("embedding_length", 1, MaxDimension),
            HeadCount = heads,
            HeadCountKv = kvHeads,
            KeyLength = keyLength,
            Epsilon = keys.PositiveFloat("attention.layer_norm_rms_epsilon"),
            AttentionScale = keys.AttentionScale(keyLength),
            Rope = keys.Rope(keyLength),
            IsRecurrent = keys.RecurrentLayers(blocks, blocks - mtp),
            SsmConvKernel = keys.Int("ssm.conv_kernel", 2, 64),
            SsmStateSize = keys.Int("ssm.state_size", 1, 65536),
            SsmGroupCount = keys.Int("ssm.group_count", 1, 65536),
            SsmTimeStepRank = keys.Int("ssm.time_step_rank", 1, 65536),
        };
        p.CheckRecurrent(keys);
        return p;
    }

    private void CheckRecurrent(KeyReader keys)
    {
        keys.Check(SsmTimeStepRank % SsmGroupCount == 0, "ssm.time_step_rank",
            $"a multiple of group_count {SsmGroupCount}", SsmTimeStepRank);
        long inner = (long)SsmStateSize * SsmTimeStepRank;
        long channels = inner + (2L * SsmStateSize * SsmGroupCount);
        keys.Check(channels <= MaxDimension, "ssm.state_size",
            $"at most {MaxDimension} convolution channels", channels);
        long declared = keys.Int("ssm.inner_size", 1, int.MaxValue);
        keys.Check(declared == inner, "ssm.inner_size",
            $"state_size * time_step_rank = {inner}", declared);
    }
}
