using MetalMoe.Core.Gguf;
using MetalMoe.Core.Quants;
using MetalMoe.Core.Synthesis;
using MetalMoe.Core.Tests.Gguf;
using MetalMoe.Testing;
using NUnit.Framework;

namespace MetalMoe.Core.Tests.Synthesis;

public sealed class ModelSynthesizerTests
{
    private static readonly string s_trained = Path.Combine(
        GoldenModel.RepositoryRoot, "models/tiny-qwen35moe-q4_k_m.gguf");

    private static readonly SynthesisShape s_small = new()
    {
        Layers = 2,
        FullAttentionInterval = 2,
        EmbeddingLength = 256,
        HeadCount = 2,
        HeadCountKv = 1,
        SsmStateSize = 16,
        ExpertCount = 2,
        VocabularySize = 256,
    };

    private static GgufFile Synthesize(TestFolder folder, SynthesisOptions options)
    {
        string path = folder.File("synthetic.gguf");
        ModelSynthesizer.Write(path, options, null, default);
        return GgufFile.Open(path);
    }

    [Test]
    public void Keys_and_tensors_are_those_of_the_trained_model()
    {
        using GgufFile trained = GgufFile.Open(s_trained);
        GgufMetadata keys = trained.Metadata;
        int Key(string name) => (int)keys.GetUInt32($"qwen35moe.{name}");
        var shape = new SynthesisShape
        {
            Layers = Key("block_count") - 1,
            MultiTokenPrediction = true,
            EmbeddingLength = Key("embedding_length"),
            HeadCount = Key("attention.head_count"),
            HeadCountKv = Key("attention.head_count_kv"),
            KeyLength = Key("attention.key_length"),
            RopeDimensionCount = Key("rope.dimension_count"),
            FullAttentionInterval = Key("full_attention_interval"),
            SsmStateSize = Key("ssm.state_size"),
            SsmGroupCount = Key("ssm.group_count"),
            SsmTimeStepRank = Key("ssm.time_step_rank"),
            ExpertCount = Key("expert_count"),
            ExpertUsedCount = Key("expert_used_count"),
            ExpertFeedForwardLength = Key("expert_feed_forward_length"),
            ExpertSharedFeedForwardLength = Key("expert_shared_feed_forward_length"),
            TiedHead = trained.FindTensor("output.weight") is null,
        };
        using var folder = new TestFolder();
        using GgufFile made = Synthesize(
            folder,
            new SynthesisOptions { Shape = shape, VocabularyFile = s_trained, Quant = "q8_0" });
        Assert.That(
            made.Tensors.ToDictionary(t => t.Name, t => string.Join("x", t.Shape)),
            Is.EquivalentTo(
                trained.Tensors.ToDictionary(t => t.Name, t => string.Join("x", t.Shape))));
        using (Assert.EnterMultipleScope())
        {
            foreach (var (key, value) in keys.Values)
            {
                bool needed = key.StartsWith("qwen35moe.", StringComparison.Ordinal)
                    || key.StartsWith("tokenizer.", StringComparison.Ordinal);
                if (needed)
                {
                    Assert.That(made.Metadata.Contains(key), Is.True, key);
                    Assert.That(made.Metadata.Values.GetValueOrDefault(key).Type,
                        Is.EqualTo(value.Type), key);
                }
            }
        }
    }

    [Test]
    public void The_same_options_give_the_same_bytes_and_another_seed_others()
    {
        using var folder = new TestFolder();
        string[] paths = [folder.File("a"), folder.File("b"), folder.File("c")];
        for (int i = 0; i < 3; i++)
        {
            ModelSynthesizer.Write(
                paths[i], new SynthesisOptions { Shape = s_small, Seed = i == 2 ? 2UL : 1UL },
                null, default);
        }
        byte[] first = File.ReadAllBytes(paths[0]);
        Assert.That(File.ReadAllBytes(paths[1]).AsSpan().SequenceEqual(first), Is.True);
        Assert.That(File.ReadAllBytes(paths[2]).AsSpan().SequenceEqual(first), Is.False);
    }

    [TestCaseSource(typeof(QuantMix), nameof(QuantMix.Names))]
    public void Every_mix_decodes_to_weights_of_the_intended_spread(string quant)
    {
        using var folder = new TestFolder();
        using GgufFile file = Synthesize(
            folder, new SynthesisOptions { Shape = s_small, Quant = quant });
        CheckSpread(file);
    }

    [Test]
    public void Tensors_made_of_a_pool_of_blocks_have_the_same_spread()
    {
        using var folder = new TestFolder();
        SynthesisShape shape = s_small with { ExpertCount = 17 };
        using GgufFile file = Synthesize(
            folder, new SynthesisOptions { Shape = shape, Quant = "q4_k_m" });
        Assert.That(file.FindTensor("blk.0.ffn_up_exps.weight")!.ElementCount,
            Is.GreaterThan(1 << 20), "long enough for a pool");
        CheckSpread(file);
    }

    private static void CheckSpread(GgufFile file)
    {
        foreach (GgufTensor tensor in file.Tensors.Where(t => t.Name.Contains("_exps")))
        {
            float[] values = Decode(tensor);
            double deviation = Math.Sqrt(values.Average(v => (double)v * v));
            // One over the root of the fan-in, times a residual gain for down matrices; a format
            // of two or four bits moves the spread by some percent.
            double gain = tensor.Name.Contains("down") ? 0.5 : 1;
            double expected = gain / Math.Sqrt(tensor.Shape[^1]);
            Assert.That(deviation, Is.EqualTo(expected).Within(15).Percent, tensor.Name);
            Assert.That(Math.Abs(values.Average()), Is.LessThan(expected / 10), tensor.Name);
        }
    }

    [Test]
    public void Norms_router_and_recurrent_vectors_stay_f32_whatever_the_mix()
    {
        using var folder = new TestFolder();
        using GgufFile file = Synthesize(
            folder, new SynthesisOptions { Shape = s_small, Quant = "q2_k" });
        string[] words =
            ["norm", "ffn_gate_inp", "ssm_a", "ssm_dt", "ssm_conv1d"];
        foreach (GgufTensor tensor in file.Tensors)
        {
            bool kept = words.Any(w => tensor.Name.Contains(w + ".")
                || tensor.Name.Contains(w + "_shexp.") || tensor.Name.EndsWith(w));
            Assert.That(tensor.Format == QuantFormat.F32, Is.EqualTo(kept), tensor.Name);
        }
    }

    [Test]
    public void An_override_means_whole_words_of_a_name()
    {
        using var folder = new TestFolder();
        var overrides = new Dictionary<string, QuantFormat>
        {
            ["output.weight"] = QuantFormat.IQ4_XS,
            ["blk.2.ssm_out.weight"] = QuantFormat.Q5_1,
        };
        using GgufFile file = Synthesize(folder, new SynthesisOptions
        {
            Shape = s_small with { Layers = 3 },
            Quant = "q8_0",
            FormatOverrides = overrides,
        });
        QuantFormat Of(string name) => file.FindTensor(name)!.Format;
        Assert.That(Of("output.weight"), Is.EqualTo(QuantFormat.IQ4_XS));
        Assert.That(Of("blk.1.attn_output.weight"), Is.EqualTo(QuantFormat.Q8_0));
        Assert.That(Of("blk.2.ssm_out.weight"), Is.EqualTo(QuantFormat.Q5_1));
        Assert.That(Of("blk.0.ssm_out.weight"), Is.EqualTo(QuantFormat.Q8_0));
    }

    [Test]
    public void An_impossible_shape_or_mix_is_refused()
    {
        using var folder = new TestFolder();
        SynthesisOptions[] impossible =
        [
            new() { Quant = "q9" },
            new() { Shape = new SynthesisShape { Layers = 0 } },
            new() { Shape = new SynthesisShape { HeadCount = 3 } },
            new() { Shape = new SynthesisShape { ExpertUsedCount = 9 } },
            new() { Shape = new SynthesisShape { Architecture = "llama" } },
        ];
        foreach (SynthesisOptions options in impossible)
        {
            Assert.That(() => Synthesize(folder, options),
                Throws.InstanceOf<MetalMoeException>().With.Message.StartsWith("[synth]"));
        }
        Assert.That(Directory.GetFiles(folder.Path), Is.Empty);
    }

    private static unsafe float[] Decode(GgufTensor tensor)
    {
        var values = new float[tensor.ElementCount];
        QuantDecoder.DecodeRow(
            tensor.Format,
            new ReadOnlySpan<byte>((void*)tensor.Address, (int)tensor.ByteCount), values);
        return values;
    }
}
