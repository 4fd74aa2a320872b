using MetalMoe.Core.Gguf;
using MetalMoe.Core.Quants;

namespace MetalMoe.Core.Synthesis;

/// <summary>What to synthesise.</summary>
public sealed record SynthesisOptions
{
    /// <summary>Shape of the model.</summary>
    public SynthesisShape Shape { get; init; } = new();

    /// <summary>Name of the quant mix, see <see cref="QuantMix.Names"/>.</summary>
    public string Quant { get; init; } = "q4_k_m";

    /// <summary>Tensor name suffix to format, over the mix.</summary>
    public IReadOnlyDictionary<string, QuantFormat>? FormatOverrides { get; init; }

    /// <summary>Seed of all weights.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>A GGUF file whose tokenizer is copied; null for a small built-in one.</summary>
    public string? VocabularyFile { get; init; }
}

/// <summary>
/// Writes model files of the Qwen3.5 family with random weights: real names, keys and shapes, so
/// that every engine loads them; for tests, comparisons and benchmarks without a download.
/// Same options, same bytes.
/// </summary>
public sealed class ModelSynthesizer
{
    private readonly SynthesisOptions _options;
    private readonly SynthesisShape _shape;
    private readonly QuantMix _mix;
    private readonly GgufWriter _writer = new();
    private ulong _tensorSeed;

    private ModelSynthesizer(SynthesisOptions options, SynthesisShape shape)
    {
        _options = options;
        _shape = shape;
        _mix = new QuantMix(options.Quant, options.FormatOverrides);
        _tensorSeed = options.Seed;
    }

    /// <summary>Writes the file.</summary>
    /// <param name="path">Where to.</param>
    /// <param name="options">What.</param>
    /// <param name="progress">Bytes written and bytes in all.</param>
    /// <param name="cancellationToken">Stops between two chunks and removes the file.</param>
    /// <exception cref="MetalMoeException">The options are impossible.</exception>
    public static void Write(
        string path, SynthesisOptions options, IProgress<(long Written, long Total)>? progress,
        CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Shape.Validate();
        using GgufFile? vocabulary = options.VocabularyFile is { } file
            ? GgufFile.Open(file)
            : null;
        int tokens = vocabulary is null
            ? SyntheticVocabulary.SmallestSize
            : SyntheticVocabulary.CountTokens(vocabulary);
        SynthesisShape shape = options.Shape with
        {
            VocabularySize = Math.Max(options.Shape.VocabularySize, tokens),
        };
        var synthesizer = new ModelSynthesizer(options, shape);
        synthesizer.AddKeys(vocabulary);
        synthesizer.AddTensors();
        GgufWriter writer = synthesizer._writer;
        long total = writer.DataBytes;
        var bytes = progress is null
            ? null
            : new ForwardProgress(written => progress.Report((written, total)));
        writer.Write(path, bytes, cancellationToken);
    }

    private void AddKeys(GgufFile? vocabulary)
    {
        string a = _shape.Architecture;
        _writer.Add("general.architecture", a);
        _writer.Add("general.name", $"synthetic {a}, seed {_options.Seed}");
        _writer.Add("general.file_type", _mix.FileType);
        _writer.Add("general.quantization_version", 2u);
        int mtp = _shape.MultiTokenPrediction ? 1 : 0;
        Key("block_count", _shape.Layers + mtp);
        Key("context_length", _shape.ContextLength);
        Key("vocab_size", _shape.VocabularySize);
        Key("embedding_length", _shape.EmbeddingLength);
        Key("attention.head_count", _shape.HeadCount);
        Key("attention.head_count_kv", _shape.HeadCountKv);
        Key("attention.key_length", _shape.KeyLength);
        Key("attention.value_length", _shape.KeyLength);
        _writer.Add($"{a}.attention.layer_norm_rms_epsilon", 1e-6f);
        _writer.Add($"{a}.rope.freq_base", _shape.RopeFreqBase);
        Key("rope.dimension_count", _shape.RopeDimensionCount);
        int pairs = _shape.RopeDimensionCount / 2;
        int third = pairs / 3;
        _writer.Add(
            $"{a}.rope.dimension_sections",
            (int[])[pairs - (2 * third), third, third, 0]);
        AddMixerKeys(mtp);
        AddFeedForwardKeys();
        if (vocabulary is null)
        {
            SyntheticVocabulary.AddBuiltIn(_writer, _shape.VocabularySize);
        }
        else
        {
            SyntheticVocabulary.AddCopy(_writer, vocabulary, _shape.VocabularySize);
        }
    }

    private void AddMixerKeys(int mtp)
    {
        Key("ssm.conv_kernel", _shape.SsmConvKernel);
        Key("ssm.state_size", _shape.SsmStateSize);
        Key("ssm.group_count", _shape.SsmGroupCount);
        Key("ssm.time_step_rank", _shape.SsmTimeStepRank);
        Key("ssm.inner_size", _shape.SsmTimeStepRank * _shape.SsmStateSize);
        if (_shape.RecurrentLayers is { } pattern)
        {
            bool[] layers = [.. pattern, .. Enumerable.Repeat(false, mtp)];
            _writer.Add($"{_shape.Architecture}.attention.recurrent_layers", layers);
        }
        else
        {
            Key("full_attention_interval", _shape.FullAttentionInterval);
        }
        if (mtp > 0)
        {
            Key("nextn_predict_layers", mtp);
        }
    }

    private void AddFeedForwardKeys()
    {
        if (!_shape.IsMoe)
        {
            Key("feed_forward_length", _shape.FeedForwardLength);
            return;
        }
        Key("expert_count", _shape.ExpertCount);
        Key("expert_used_count", _shape.ExpertUsedCount);
        Key("expert_feed_forward_length", _shape.ExpertFeedForwardLength);
        if (_shape.ExpertSharedFeedForwardLength > 0)
        {
            Key("expert_shared_feed_forward_length", _shape.ExpertSharedFeedForwardLength);
        }
        if (_shape.ExpertWeightsScale != 0)
        {
            _writer.Add(
                $"{_shape.Architecture}.expert_weights_scale", _shape.ExpertWeightsScale);
        }
    }

    private void AddTensors()
    {
        int d = _shape.EmbeddingLength;
        int v = _shape.VocabularySize;
        if (!_shape.TiedHead)
        {
            Matrix("output.weight", -1, 1, v, d);
        }
        Norm("output_norm.weight", d);
        // A tied table is also the head: unit logits need rows of norm one.
        Matrix("token_embd.weight", -1, _shape.TiedHead ? 1 : Math.Sqrt(d) / 2, v, d);
        for (int layer = 0; layer < _shape.Layers; layer++)
        {
            AddBlock(layer, _shape.IsRecurrent(layer));
        }
        if (_shape.MultiTokenPrediction)
        {
            int layer = _shape.Layers;
            AddBlock(layer, recurrent: false);
            Matrix($"blk.{layer}.nextn.eh_proj.weight", layer, 1, d, 2 * d);
            Norm($"blk.{layer}.nextn.enorm.weight", d);
            Norm($"blk.{layer}.nextn.hnorm.weight", d);
            Norm($"blk.{layer}.nextn.shared_head_norm.weight", d);
        }
    }

    private void AddBlock(int layer, bool recurrent)
    {
        Norm($"blk.{layer}.attn_norm.weight", _shape.EmbeddingLength);
        Norm($"blk.{layer}.post_attention_norm.weight", _shape.EmbeddingLength);
        if (recurrent)
        {
            AddGatedDeltaRule(layer);
        }
        else
        {
            AddAttention(layer);
        }
        if (_shape.IsMoe)
        {
            AddExperts(layer);
        }
        else
        {
            int d = _shape.EmbeddingLength;
            Matrix($"blk.{layer}.ffn_gate.weight", layer, 1, _shape.FeedForwardLength, d);
            Matrix($"blk.{layer}.ffn_up.weight", layer, 1, _shape.FeedForwardLength, d);
            Matrix($"blk.{layer}.ffn_down.weight", layer, ResidualGain, d,
                _shape.FeedForwardLength);
        }
    }

    /// <summary>What a block adds to the residual stream shrinks with depth.</summary>
    private double ResidualGain => 1 / Math.Sqrt(2.0 * _shape.Layers);

    private void AddAttention(int layer)
    {
        int d = _shape.EmbeddingLength;
        int query = _shape.HeadCount * _shape.KeyLength;
        int kv = _shape.HeadCountKv * _shape.KeyLength;
        if (_shape.FusedQkv)
        {
            Matrix($"blk.{layer}.attn_qkv.weight", layer, 1, (2 * query) + (2 * kv), d);
        }
        else
        {
            Matrix($"blk.{layer}.attn_q.weight", layer, 1, 2 * query, d);
            Matrix($"blk.{layer}.attn_k.weight", layer, 1, kv, d);
            Matrix($"blk.{layer}.attn_v.weight", layer, 1, kv, d);
        }
        Norm($"blk.{layer}.attn_q_norm.weight", _shape.KeyLength);
        Norm($"blk.{layer}.attn_k_norm.weight", _shape.KeyLength);
        Matrix($"blk.{layer}.attn_output.weight", layer, ResidualGain, d, query);
    }

    private void AddGatedDeltaRule(int layer)
    {
        int d = _shape.EmbeddingLength;
        int heads = _shape.SsmTimeStepRank;
        int inner = heads * _shape.SsmStateSize;
        int channels = inner + (2 * _shape.SsmGroupCount * _shape.SsmStateSize);
        string block = $"blk.{layer}";
        Matrix($"{block}.attn_qkv.weight", layer, 1, channels, d);
        Matrix($"{block}.attn_gate.weight", layer, 1, inner, d);
        Matrix($"{block}.ssm_alpha.weight", layer, 1, heads, d);
        Matrix($"{block}.ssm_beta.weight", layer, 1, heads, d);
        Values($"{block}.ssm_a", u => -0.1 - (1.9 * RandomRows.Uniform(u)), heads);
        Values($"{block}.ssm_dt.bias", u => 0.5 * RandomRows.Normal(u), heads);
        Values(
            $"{block}.ssm_conv1d.weight", u => 0.5 * RandomRows.Normal(u), channels,
            _shape.SsmConvKernel);
        Norm($"{block}.ssm_norm.weight", _shape.SsmStateSize);
        Matrix($"{block}.ssm_out.weight", layer, ResidualGain, d, inner);
    }

    private void AddExperts(int layer)
    {
        int d = _shape.EmbeddingLength;
        int e = _shape.ExpertCount;
        int f = _shape.ExpertFeedForwardLength;
        int shared = _shape.ExpertSharedFeedForwardLength;
        string block = $"blk.{layer}";
        Values(
            $"{block}.ffn_gate_inp.weight", u => 2 * RandomRows.Normal(u) / Math.Sqrt(d), e, d);
        if (_shape.FusedGateUp)
        {
            Matrix($"{block}.ffn_gate_up_exps.weight", layer, 1, e, 2 * f, d);
        }
        else
        {
            Matrix($"{block}.ffn_gate_exps.weight", layer, 1, e, f, d);
            Matrix($"{block}.ffn_up_exps.weight", layer, 1, e, f, d);
        }
        Matrix($"{block}.ffn_down_exps.weight", layer, ResidualGain, e, d, f);
        if (shared > 0)
        {
            Values($"{block}.ffn_gate_inp_shexp.weight",
                u => RandomRows.Normal(u) / Math.Sqrt(d), d);
            Matrix($"{block}.ffn_gate_shexp.weight", layer, 1, shared, d);
            Matrix($"{block}.ffn_up_shexp.weight", layer, 1, shared, d);
            Matrix($"{block}.ffn_down_shexp.weight", layer, ResidualGain, d, shared);
        }
    }

    private void Matrix(string name, int layer, double gain, params ReadOnlySpan<long> shape)
    {
        long columns = shape[^1];
        long elements = 1;
        foreach (long length in shape)
        {
            elements = checked(elements * length);
        }
        QuantFormat format = _mix.FormatOf(name, layer, _shape.Layers, columns);
        _writer.AddTensor(name, format, shape, RandomRows.Normal(
            format, elements, checked((int)columns), gain / Math.Sqrt(columns), NextSeed()));
    }

    private void Norm(string name, int length) =>
        Values(name, u => 1 + (0.1 * RandomRows.Normal(u)), length);

    private void Values(string name, Func<ulong, double> value, params ReadOnlySpan<long> shape) =>
        _writer.AddTensor(
            name, QuantFormat.F32, shape,
            RandomRows.Values((int)shape[^1], NextSeed(), value));

    private ulong NextSeed() => _tensorSeed = RandomRows.Hash(_tensorSeed, 0);

    private void Key(string key, int value) =>
        _writer.Add($"{_shape.Architecture}.{key}", (uint)value);

    private sealed class ForwardProgress(Action<long> report) : IProgress<long>
    {
        public void Report(long value) => report(value);
    }
}
