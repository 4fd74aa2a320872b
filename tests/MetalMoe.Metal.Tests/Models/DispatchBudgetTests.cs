using MetalMoe.Core.Synthesis;
using MetalMoe.Metal.Dispatch;
using NUnit.Framework;

namespace MetalMoe.Metal.Tests.Models;

/// <summary>What a decoded token of Qwen3.5-35B-A3B costs: dispatches and barriers.</summary>
[TestFixture]
public sealed class DispatchBudgetTests
{
    /// <summary>Layers of the real model, a multiple of the four that are written here.</summary>
    private const int Layers = 40;
    private const int Written = 4;

    /// <summary>The real shapes, but few experts and words: a token reads as many experts, and
    /// the file stays small.</summary>
    private static readonly SynthesisShape s_shape =
        SynthesisShape.Presets["qwen3.5-35b-a3b"] with
        {
            Layers = Written,
            ExpertCount = 8,
            VocabularySize = 512,
            ContextLength = 4096,
        };

    [Test]
    public void A_token_takes_few_dispatches()
    {
        using var model = MetalModel.Random(s_shape, "q4_k_m");
        using var metal = model.OnMetal(8, batch: 1);
        Report(
            metal.Dispatches(StepForm.Decode), out int perLayers, out int total,
            out int barriers);

        Assert.That(perLayers, Is.LessThanOrEqualTo(7 * Layers));
        Assert.That(total, Is.LessThanOrEqualTo(290));
        Assert.That(barriers, Is.LessThanOrEqualTo(total));
    }

    /// <summary>Counts by layer and scales to the real depth.</summary>
    private static void Report(
        DispatchList list, out int perLayers, out int total, out int barriers)
    {
        bool[] layer = [.. list.Entries.Select(
            e => e.Operation.StartsWith("blk.", StringComparison.Ordinal))];
        int scale = Layers / Written;
        perLayers = layer.Count(l => l) * scale;
        total = perLayers + layer.Count(l => !l);
        barriers = Enumerable.Range(0, layer.Length).Sum(
            i => !list.HasBarrier(i) ? 0 : layer[i] ? scale : 1);
        TestContext.Out.WriteLine(
            $"35B-A3B: {total} dispatches a token, {perLayers / (double)Layers:f2} a layer, "
            + $"{barriers} barriers");
    }
}
