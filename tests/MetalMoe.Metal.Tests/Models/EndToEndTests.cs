using MetalMoe.Core.Runtime;
using MetalMoe.Core.Synthesis;
using NUnit.Framework;

namespace MetalMoe.Metal.Tests.Models;

/// <summary>The same plan on the software Metal and on the CPU.</summary>
[TestFixture]
public sealed class EndToEndTests
{
    // A key or value on the edge between two f16 numbers may be rounded either way, a step of
    // 5e-4 of it.
    private const float CloseWithHalfCache = 2e-2f;

    /// <summary>One layer of either kind.</summary>
    private static readonly SynthesisShape s_small =
        new() { Layers = 2, FullAttentionInterval = 2 };

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
}
