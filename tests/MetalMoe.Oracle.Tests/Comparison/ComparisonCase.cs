using MetalMoe.Core.Synthesis;
using MetalMoe.Testing;

namespace MetalMoe.Oracle.Tests.Comparison;

/// <summary>A model that the engines are compared on.</summary>
public sealed record ComparisonCase
{
    /// <summary>Short name, the row of the table.</summary>
    public required string Name { get; init; }

    /// <summary>The weight format or mix, GGUF's words.</summary>
    public required string Quant { get; init; }

    /// <summary>Shape of a random model; null for a trained one.</summary>
    public SynthesisShape? Shape { get; init; }

    /// <summary>File of a trained model.</summary>
    public Func<string>? Trained { get; init; }

    /// <summary>Why llama.cpp has no say on this one; null when it has.</summary>
    public string? LlamaCannot { get; init; }

    /// <summary>Largest median KL divergence between the engines, in nats.</summary>
    public double Bar => Quant switch
    {
        "f32" => 1e-5,
        "f16" or "bf16" or "q8_0" => 1e-4,
        _ => 2e-3,
    };

    /// <summary>The cache of F32 models is F32 so that nothing is rounded anywhere.</summary>
    public bool Float32Cache => Quant == "f32";

    /// <summary>Every model: the trained one in its formats, then random ones that between them
    /// vary every dimension.</summary>
    public static IEnumerable<ComparisonCase> All => [.. TrainedModels, .. RandomModels];

    private static IEnumerable<ComparisonCase> TrainedModels =>
    [
        new() { Name = "trained", Quant = "bf16", Trained = GoldenModel.Rebuild },
        new()
        {
            Name = "trained",
            Quant = "q8_0",
            Trained = () => Peers.RequireModel("tiny-qwen35moe-q8_0.gguf"),
        },
        new()
        {
            Name = "trained",
            Quant = "q4_k_m",
            Trained = () => Peers.RequireModel("tiny-qwen35moe-q4_k_m.gguf"),
        },
    ];

    private static IEnumerable<ComparisonCase> RandomModels =>
    [
        Random("plain", "f32", new()),
        Random("H8 G1 K32", "f32", new() { HeadCount = 8, HeadCountKv = 1, KeyLength = 32 }),
        Random("GDN 3:3", "f32", new() { SsmGroupCount = 3, SsmTimeStepRank = 3 }),
        Random("GDN 2:6", "f32", new() { SsmGroupCount = 2, SsmTimeStepRank = 6 }),
        Random("fused qkv, gate_up", "f32", new() { FusedQkv = true, FusedGateUp = true }),
        Random("no shared expert", "f32", new() { ExpertSharedFeedForwardLength = 0 })
            with { LlamaCannot = "it requires a shared expert" },
        Random("weights scale 2.5", "f32", new() { ExpertWeightsScale = 2.5f })
            with { LlamaCannot = "it does not read expert_weights_scale" },
        Random("dense", "f32", new() { Architecture = "qwen35" }),
        Random("D192 F96 tied", "f16", new()
        {
            EmbeddingLength = 192, ExpertFeedForwardLength = 96, TiedHead = true,
            ExpertSharedFeedForwardLength = 160,
        }),
        Random("E64 A8", "bf16", new() { ExpertCount = 64, ExpertUsedCount = 8 }),
        Random("all attention", "q8_0", new() { FullAttentionInterval = 1, Layers = 3 })
            with { LlamaCannot = "it aborts on a model without recurrent layers" },
        Random("all GDN", "q8_0", new() { FullAttentionInterval = 9, Layers = 3 })
            with { LlamaCannot = "it aborts on a model without attention layers" },
        Random("pattern AGGA", "q4_0", new() { RecurrentLayers = [false, true, true, false] }),
        Random("E4 A4", "q4_1", new() { ExpertCount = 4, ExpertUsedCount = 4 }),
        Random("E4 A1", "q5_0", new() { ExpertCount = 4, ExpertUsedCount = 1 }),
        Random("D160 V777", "q5_1", new()
        {
            EmbeddingLength = 160, VocabularySize = 777, ExpertFeedForwardLength = 64,
            ExpertSharedFeedForwardLength = 32,
        }),
        Random("GDN 1:3 state 128", "q2_k", new()
        {
            SsmGroupCount = 1, SsmTimeStepRank = 3, SsmStateSize = 128,
        }),
        Random("E16 A6", "q3_k", new() { ExpertCount = 16, ExpertUsedCount = 6 }),
        Random("H6 G3 K128", "q4_k_m", new()
        {
            HeadCount = 6, HeadCountKv = 3, KeyLength = 128, RopeDimensionCount = 32,
        }),
        Random("6 layers, MTP", "q5_k_m", new() { Layers = 6, MultiTokenPrediction = true }),
        Random("D512 E32 A4", "q6_k", new()
        {
            EmbeddingLength = 512, ExpertCount = 32, ExpertUsedCount = 4,
        }),
        Random("interval 2", "iq4_nl", new() { FullAttentionInterval = 2 }),
        Random("shared 512", "iq4_xs", new() { ExpertSharedFeedForwardLength = 512 }),
        Random("tied, fused", "mxfp4", new()
        {
            TiedHead = true, FusedQkv = true, FusedGateUp = true,
        }),
        Random("dense GDN 2:6", "q4_k_m", new()
        {
            Architecture = "qwen35", SsmTimeStepRank = 6, FeedForwardLength = 768,
        }),
    ];

    /// <summary>Path of the model file; a random model is written on first use.</summary>
    public string Materialize(string folder)
    {
        if (Trained is not null)
        {
            return Trained();
        }
        string path = Path.Combine(folder, $"{ToString().Replace(' ', '-')}.gguf");
        ModelSynthesizer.Write(
            path,
            new SynthesisOptions { Shape = Shape!, Quant = Quant, Seed = Seed },
            progress: null,
            CancellationToken.None);
        return path;
    }

    /// <inheritdoc/>
    public override string ToString() =>
        $"{Name} {Quant}".Replace(':', '-').Replace(",", "", StringComparison.Ordinal);

    /// <summary>Random weights and tokens follow from the name.</summary>
    public uint Seed => ToString().Aggregate(17u, (hash, c) => unchecked(hash * 31 + c));

    private static ComparisonCase Random(string name, string quant, SynthesisShape shape) =>
        new() { Name = name, Quant = quant, Shape = shape };
}
