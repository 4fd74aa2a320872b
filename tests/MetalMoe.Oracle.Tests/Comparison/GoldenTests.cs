using System.Text.Json;
using MetalMoe.Core.Gguf;
using MetalMoe.Core.Runtime;
using MetalMoe.Core.Text;
using MetalMoe.Testing;
using NUnit.Framework;

namespace MetalMoe.Oracle.Tests.Comparison;

/// <summary>
/// The numbers an independent implementation computed for six prompts on the BF16 model, through
/// the product.
/// </summary>
[NonParallelizable]
public sealed class GoldenTests
{
    private const double Tolerance = 2e-3;
    private const int MaxPrompt = 64;

    [Test]
    public void Prompts_have_the_golden_token_ids()
    {
        using var file = GgufFile.Open(GoldenModel.Rebuild());
        var tokenizer = new Tokenizer(Vocabulary.Load(file));
        using var golden = JsonDocument.Parse(File.ReadAllText(GoldenModel.GoldenJson));
        foreach (var prompt in golden.RootElement.GetProperty("prompts").EnumerateArray())
        {
            string text = prompt.GetProperty("prompt").GetString()!;
            Assert.That(
                tokenizer.Encode(text, parseSpecial: true),
                Is.EqualTo(Numbers(prompt.GetProperty("token_ids"))), text);
        }
    }

    [TestCase(CacheFormat.F32)]
    [TestCase(CacheFormat.F16)]
    public void Top_logits_and_greedy_text_are_the_golden_ones(CacheFormat cache)
    {
        using var engine = new ProductEngine(GoldenModel.Rebuild(), threads: 2);
        using var golden = JsonDocument.Parse(File.ReadAllText(GoldenModel.GoldenJson));
        var prompts = golden.RootElement.GetProperty("prompts");
        using var executor = engine.CreateExecutor(256, cache, MaxPrompt);
        double worst = 0;
        int compared = 0;
        foreach (var prompt in prompts.EnumerateArray())
        {
            int[] tokens = Numbers(prompt.GetProperty("token_ids"));
            float[] logits = ProductEngine.Logits(executor, tokens, [(0, tokens.Length)])[^1];
            int[] ids = Numbers(prompt.GetProperty("top20_ids"));
            double[] expected = [.. prompt.GetProperty("top20_logits").EnumerateArray()
                .Select(x => x.GetDouble())];
            for (int i = 0; i < ids.Length; i++)
            {
                worst = Math.Max(worst, Math.Abs(logits[ids[i]] - expected[i]));
                compared++;
            }
            Assert.That(
                Greedy(executor, logits, tokens.Length, 32),
                Is.EqualTo(Numbers(prompt.GetProperty("greedy_32"))),
                prompt.GetProperty("prompt").GetString());
        }
        TestContext.Progress.WriteLine(
            $"golden values, {cache} cache: max {worst:E1} over {compared} logits; "
            + $"{prompts.GetArrayLength()} x 32 greedy tokens the same");
        Assert.That(worst, Is.LessThan(Tolerance));
    }

    private static List<int> Greedy(
        IExecutor executor, ReadOnlySpan<float> logits, int position, int count)
    {
        var batch = new StepBatch();
        var tokens = new List<int> { Best(logits) };
        while (tokens.Count < count)
        {
            batch.Clear();
            batch.Add(0, position++, [tokens[^1]], LogitsMode.Last);
            executor.Execute(batch, CancellationToken.None);
            tokens.Add(Best(executor.GetLogits(0)));
        }
        return tokens;
    }

    private static int Best(ReadOnlySpan<float> logits)
    {
        int best = 0;
        for (int i = 1; i < logits.Length; i++)
        {
            best = logits[i] > logits[best] ? i : best;
        }
        return best;
    }

    private static int[] Numbers(JsonElement array) =>
        [.. array.EnumerateArray().Select(x => x.GetInt32())];
}
