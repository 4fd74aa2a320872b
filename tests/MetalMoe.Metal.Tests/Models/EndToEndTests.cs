using MetalMoe.Core.Runtime;
using MetalMoe.Core.Synthesis;
using NUnit.Framework;

namespace MetalMoe.Metal.Tests.Models;

/// <summary>The same plan on the software Metal and on the CPU.</summary>
[TestFixture]
public sealed class EndToEndTests
{
    private const string Q4 = "tiny-qwen35moe-q4_k_m.gguf";
    private const string Q8 = "tiny-qwen35moe-q8_0.gguf";

    // The CPU rounds activations to 16 bits in blocks (1e-5 of a row's largest value), Metal not
    // at all; over some ten operations of logits of size 1 to 10 that stays far below this.
    private const float Close = 2e-3f;

    // A key or value on the edge between two f16 numbers may be rounded either way, a step of
    // 5e-4 of it.
    private const float CloseWithHalfCache = 2e-2f;

    /// <summary>One layer of either kind.</summary>
    private static readonly SynthesisShape s_small =
        new() { Layers = 2, FullAttentionInterval = 2 };

    /// <summary>Between them: every kind of layer, every optional part, odd sizes.</summary>
    private static IEnumerable<TestCaseData> RandomModels()
    {
        yield return Case("q4_k_m", new()).SetName("plain");
        yield return Case("q4_k_m", new()
        {
            HeadCount = 8,
            HeadCountKv = 1,
            KeyLength = 32,
            SsmGroupCount = 3,
            SsmTimeStepRank = 3,
            FusedQkv = true,
            FusedGateUp = true,
            Layers = 2,
            FullAttentionInterval = 2,
        }).SetName("one kv head, as many key as value heads, fused tensors");
        yield return Case("f16", new()
        {
            EmbeddingLength = 160,
            VocabularySize = 777,
            ExpertFeedForwardLength = 96,
            ExpertSharedFeedForwardLength = 0,
            ExpertWeightsScale = 2.5f,
            ExpertCount = 12,
            ExpertUsedCount = 5,
            Layers = 2,
            FullAttentionInterval = 2,
        }).SetName("odd sizes, no shared expert");
        yield return Case("q8_0", new()
        {
            Architecture = "qwen35",
            SsmTimeStepRank = 6,
            FullAttentionInterval = 2,
            Layers = 2,
            TiedHead = true,
        }).SetName("dense, tied head");
    }

    [TestCaseSource(nameof(RandomModels))]
    public void Logits_are_those_of_the_cpu_device(string quant, SynthesisShape shape)
    {
        using var model = MetalModel.Random(shape, quant);
        int[] tokens = model.Tokens(19);
        // A prompt in tiles, a few tokens together, then one by one.
        int[] lengths = [13, 3, 1, 1, 1];
        using var metal = model.OnMetal(32, CacheFormat.F32);
        using var cpu = model.OnCpu(32, CacheFormat.F32);

        Compare(Steps.Logits(metal, tokens, lengths), Steps.Logits(cpu, tokens, lengths), Close);
    }

    [TestCase(Q4, false)]
    [TestCase(Q8, true)]
    public void Logits_of_the_trained_model_are_those_of_the_cpu_device(string name, bool sweep)
    {
        IgnoreUnlessSweeping(sweep);
        using var model = MetalModel.Bundled(name);
        int[] tokens = model.Tokens(14);
        int[] lengths = [10, 2, 1, 1];
        using var metal = model.OnMetal(32);
        using var cpu = model.OnCpu(32);

        Compare(
            Steps.Logits(metal, tokens, lengths), Steps.Logits(cpu, tokens, lengths),
            CloseWithHalfCache);
    }

    [Test]
    public void The_trained_model_continues_a_prompt_with_the_same_tokens()
    {
        using var model = MetalModel.Bundled(Q4);
        int[] prompt = model.Tokens(11, seed: 3);
        using var metal = model.OnMetal(64);
        using var cpu = model.OnCpu(64);

        Assert.That(Steps.Greedy(metal, prompt, 12), Is.EqualTo(Steps.Greedy(cpu, prompt, 12)));
    }

    [Test]
    public void Any_chunking_of_a_prompt_gives_the_logits_of_token_by_token()
    {
        IgnoreUnlessSweeping(true);
        using var model = MetalModel.Random(s_small, "q4_k_m");
        int[] tokens = model.Tokens(45);
        using var metal = model.OnMetal(64, CacheFormat.F32);
        float[][] expected = Steps.Logits(metal, tokens, [.. Enumerable.Repeat(1, 45)]);

        foreach (int[] lengths in (int[][])[[45], [8, 8, 8, 8, 8, 5], [9, 1, 35], [33, 12]])
        {
            Compare(Steps.Logits(metal, tokens, lengths), expected, Close);
        }
    }

    [TestCase(3, false)]
    [TestCase(11, true)]
    public void Sequences_of_one_step_do_not_see_each_other(int length, bool sweep)
    {
        IgnoreUnlessSweeping(sweep);
        using var model = MetalModel.Random(s_small, "q4_k_m");
        int[][] prompts = [model.Tokens(length, 5), model.Tokens(length + 2, 6)];
        using var metal = model.OnMetal(32, CacheFormat.F32, slots: 3);
        var batch = new StepBatch();
        batch.Add(2, 0, prompts[0], LogitsMode.Last);
        batch.Add(1, 0, prompts[1], LogitsMode.Last);
        metal.Execute(batch, CancellationToken.None);
        float[][] together = [metal.GetLogits(0).ToArray(), metal.GetLogits(1).ToArray()];

        for (int i = 0; i < prompts.Length; i++)
        {
            float[] alone = Steps.Logits(metal, prompts[i], prompts[i].Length)[^1];
            Assert.That(Steps.Distance(together[i], alone), Is.LessThan(Close));
        }
    }

    [Test]
    public void A_copied_slot_and_a_loaded_state_go_on_like_the_original()
    {
        using var model = MetalModel.Random(s_small, "q4_k_m");
        int[] tokens = model.Tokens(12);
        using var metal = model.OnMetal(32, slots: 2);
        float[] expected = Steps.Logits(metal, tokens, 11, 1)[^1];

        Steps.Logits(metal, tokens[..11], 11);
        metal.CopySlot(0, 1, 11);
        var state = new byte[metal.RecurrentStateBytes];
        metal.SaveRecurrentState(0, state);
        float[] copied = Next(metal, 1, tokens);
        Next(metal, 0, [.. tokens[..11], tokens[0]]);
        metal.LoadRecurrentState(0, state);
        float[] loaded = Next(metal, 0, tokens);

        Assert.That(copied, Is.EqualTo(expected));
        Assert.That(loaded, Is.EqualTo(expected));
    }

    [Test]
    public void A_whole_model_passes_the_bounds_race_and_barrier_checks()
    {
        using var model = MetalModel.Random(s_small, "q4_k_m", checks: true);
        int[] tokens = model.Tokens(14);
        using var metal = model.OnMetal(32);
        using var cpu = model.OnCpu(32);
        int[] lengths = [10, 2, 1, 1];

        Compare(
            Steps.Logits(metal, tokens, lengths), Steps.Logits(cpu, tokens, lengths),
            CloseWithHalfCache);
    }

    /// <summary>Software Metal takes a minute for what `./build.sh check` asks for only.</summary>
    private static void IgnoreUnlessSweeping(bool sweep)
    {
        if (sweep && Environment.GetEnvironmentVariable("METALMOE_FUZZ_FACTOR") is null)
        {
            Assert.Ignore("takes up to a minute on the software Metal; ./build.sh check runs it");
        }
    }

    private static float[] Next(MetalExecutor executor, int slot, int[] tokens)
    {
        var batch = new StepBatch();
        batch.Add(slot, tokens.Length - 1, tokens.AsSpan()[^1..], LogitsMode.Last);
        executor.Execute(batch, CancellationToken.None);
        return executor.GetLogits(0).ToArray();
    }

    private static void Compare(float[][] actual, float[][] expected, float bound)
    {
        Assert.That(actual, Has.Length.EqualTo(expected.Length));
        float largest = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            float distance = Steps.Distance(actual[i], expected[i]);
            largest = Math.Max(largest, distance);
            Assert.That(distance, Is.LessThan(bound), $"at position {i}");
        }
        TestContext.Out.WriteLine($"largest distance of logits {largest:g3}");
    }

    private static TestCaseData Case(string quant, SynthesisShape shape) => new(quant, shape);
}
