using MetalMoe.Core.Gguf;
using MetalMoe.Core.Plan;
using MetalMoe.Core.Tensors;

namespace MetalMoe.Core.Models;

/// <summary>
/// The Qwen3.5/3.6 family: <c>qwen35moe</c> (mixture of experts) and <c>qwen35</c> (dense).
/// Layers mix tokens by a gated delta rule (recurrent) or by gated full attention; every mixer
/// and feed-forward is pre-normed and added to the residual stream. Multi-token-prediction
/// blocks are recognised and left out of the trunk's plan.
/// Source: the published Qwen3.5 model definition; checked numerically against llama.cpp.
/// </summary>
internal sealed class Qwen35
{
    private readonly GgufFile _file;
    private readonly WeightMap _weights;
    private readonly PlanBuilder _plan = new();
    private readonly Qwen35HyperParameters _p;
    private readonly MoeParameters? _moe;
    private readonly BufferId _residual;
    private readonly BufferId _normed;

    private Qwen35(GgufFile file, WeightMap weights)
    {
        _file = file;
        _weights = weights;
        _p = Qwen35HyperParameters.Read(file);
        _moe = _p.Architecture == "qwen35moe" ? MoeParameters.Read(file) : null;
        _residual = _plan.Buffer("residual", _p.EmbeddingLength);
        _normed = _plan.Buffer("normed", _p.EmbeddingLength);
    }

    /// <summary>Binds the file's weights and emits the plan.</summary>
    public static ModelPlan Build(GgufFile file, WeightMap weights) =>
        new Qwen35(file, weights).Build();

    private ModelPlan Build()
    {
        int vocabulary = VocabularySize();
        Weight embedding = _weights.Get("token_embd.weight", vocabulary, _p.EmbeddingLength);
        _plan.Add(new EmbedTokens("token_embd", embedding, _residual));
        for (int layer = 0; layer < _p.TrunkBlockCount; layer++)
        {
            string block = $"blk.{layer}";
            Norm($"{block}.attn_norm");
            if (_p.IsRecurrent[layer])
            {
                GatedDeltaRule(block);
            }
            else
            {
                GatedAttention(block);
            }
            Norm($"{block}.post_attention_norm");
            if (_moe is null)
            {
                DenseFeedForward(block);
            }
            else
            {
                BindExperts(block);
            }
        }
        Weight head = _weights.Find("output.weight", vocabulary, _p.EmbeddingLength) ?? embedding;
        Weight norm = _weights.GetVector("output_norm.weight", _p.EmbeddingLength);
        _plan.Add(new LmHead("output", _residual, norm, _p.Epsilon, head));
        _weights.ThrowOnUnused(IsMultiTokenPrediction);
        return _plan.Build(_p.Architecture, _p.EmbeddingLength, vocabulary, _p.ContextLength);
    }

    private int VocabularySize()
    {
        var table = _file.FindTensor("token_embd.weight")
            ?? throw new ModelException($"[load] token_embd.weight: missing ({_file.Path})");
        long rows = table.Shape.Count == 2 ? table.Shape[0] : 0;
        if (rows is < 1 or > int.MaxValue)
        {
            throw new ModelException(
                $"[load] token_embd.weight: expected [V, {_p.EmbeddingLength}], "
                + $"got [{string.Join(", ", table.Shape)}] ({_file.Path})");
        }
        return (int)rows;
    }

    private void Norm(string name) => _plan.Add(new RmsNorm(
        name, _residual, _weights.GetVector($"{name}.weight", _p.EmbeddingLength), _p.Epsilon,
        _normed));

    private void GatedAttention(string block)
    {
        int queryWidth = _p.HeadCount * _p.KeyLength;
        int kvWidth = _p.HeadCountKv * _p.KeyLength;
        BufferId queryGate = _plan.Buffer("query_gate", 2 * queryWidth);
        BufferId key = _plan.Buffer("key", kvWidth);
        BufferId value = _plan.Buffer("value", kvWidth);
        BufferId query = _plan.Buffer("query", queryWidth);
        BufferId mixed = _plan.Buffer("attention", queryWidth);
        int cache = _plan.Cache(new CacheShape(_p.HeadCountKv, _p.KeyLength));

        var (q, k, v) = QueryKeyValue(block, 2 * queryWidth, kvWidth);
        _plan.Add(new Linear($"{block}.attn_qkv", _normed,
            [new(q, queryGate), new(k, key), new(v, value)], Residual: null));
        _plan.Add(new AttentionPrep(
            $"{block}.attn_prep", queryGate, key, value,
            _weights.GetVector($"{block}.attn_q_norm.weight", _p.KeyLength),
            _weights.GetVector($"{block}.attn_k_norm.weight", _p.KeyLength),
            _p.Epsilon, _p.Rope, _p.HeadCount, cache, query));
        _plan.Add(new Attention(
            $"{block}.attn", query, queryGate, _p.HeadCount, _p.AttentionScale, cache, mixed));
        Weight output = _weights.Get(
            $"{block}.attn_output.weight", _p.EmbeddingLength, queryWidth);
        _plan.Add(new Linear(
            $"{block}.attn_output", mixed, [new(output, _residual)], _residual));
    }

    private (Weight Q, Weight K, Weight V) QueryKeyValue(string block, int qRows, int kvRows)
    {
        int d = _p.EmbeddingLength;
        string fusedName = $"{block}.attn_qkv.weight";
        if (_weights.Find(fusedName, qRows + (2 * kvRows), d) is { } fused)
        {
            return (fused.SliceRows(0, qRows), fused.SliceRows(qRows, kvRows),
                fused.SliceRows(qRows + kvRows, kvRows));
        }
        return (_weights.Get($"{block}.attn_q.weight", qRows, d),
            _weights.Get($"{block}.attn_k.weight", kvRows, d),
            _weights.Get($"{block}.attn_v.weight", kvRows, d));
    }

    private void GatedDeltaRule(string block)
    {
        int d = _p.EmbeddingLength;
        int heads = _p.SsmTimeStepRank;
        int inner = _p.SsmInnerSize;
        int channels = _p.SsmConvChannels;
        BufferId qkv = _plan.Buffer("gdn_qkv", channels);
        BufferId convolved = _plan.Buffer("gdn_conv", channels);
        BufferId gate = _plan.Buffer("gdn_gate", inner);
        BufferId alpha = _plan.Buffer("gdn_alpha", heads);
        BufferId beta = _plan.Buffer("gdn_beta", heads);
        BufferId mixed = _plan.Buffer("gdn_out", inner);
        int state = _plan.RecurrentState(new RecurrentShape(
            _p.SsmConvKernel, channels, heads, _p.SsmStateSize, _p.SsmStateSize));

        _plan.Add(new Linear($"{block}.attn_qkv", _normed,
        [
            new(_weights.Get($"{block}.attn_qkv.weight", channels, d), qkv),
            new(_weights.Get($"{block}.attn_gate.weight", inner, d), gate),
            new(_weights.Get($"{block}.ssm_beta.weight", heads, d), beta),
            new(_weights.Get($"{block}.ssm_alpha.weight", heads, d), alpha),
        ], Residual: null));
        _plan.Add(new GdnConv(
            $"{block}.ssm_conv1d", qkv, ConvolutionKernel(block, channels), _p.Epsilon,
            _p.SsmGroupCount, state, convolved));
        _plan.Add(new GdnScan(
            $"{block}.ssm", convolved, alpha, beta,
            _weights.GetVector($"{block}.ssm_a", heads),
            _weights.GetVector($"{block}.ssm_dt.bias", heads), gate,
            _weights.GetVector($"{block}.ssm_norm.weight", _p.SsmStateSize), _p.Epsilon,
            _p.SsmGroupCount, state, mixed));
        _plan.Add(new Linear($"{block}.ssm_out", mixed,
            [new(_weights.Get($"{block}.ssm_out.weight", d, inner), _residual)], _residual));
    }

    private Weight ConvolutionKernel(string block, int channels)
    {
        Weight kernel = _weights.Get($"{block}.ssm_conv1d.weight", channels, _p.SsmConvKernel);
        return _weights.RequireFiniteF32(kernel);
    }

    private void DenseFeedForward(string block)
    {
        int d = _p.EmbeddingLength;
        int width = new KeyReader(_file).Int("feed_forward_length", 1, 1 << 24);
        BufferId hidden = _plan.Buffer("ffn_hidden", width);
        _plan.Add(new DenseGateUp(
            $"{block}.ffn_gate_up", _normed, _weights.Get($"{block}.ffn_gate.weight", width, d),
            _weights.Get($"{block}.ffn_up.weight", width, d), hidden));
        _plan.Add(new Linear($"{block}.ffn_down", hidden,
            [new(_weights.Get($"{block}.ffn_down.weight", d, width), _residual)], _residual));
    }

    private void BindExperts(string block) => MoeBlock.Add(
        _plan, _file, _weights, block, _moe!, _p.EmbeddingLength, _normed, _residual);

    private bool IsMultiTokenPrediction(string name)
    {
        for (int layer = _p.TrunkBlockCount; layer < _p.BlockCount; layer++)
        {
            if (name.StartsWith($"blk.{layer}.", StringComparison.Ordinal))
            {
                return true;
            }
        }
        return false;
    }
}

public static partial class ModelCatalog
{
    private static readonly bool s_qwen35 =
        Register("qwen35moe", Qwen35.Build) && Register("qwen35", Qwen35.Build);
}
