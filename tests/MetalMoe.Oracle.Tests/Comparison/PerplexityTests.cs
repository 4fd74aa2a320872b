using System.Text;
using MetalMoe.Core.Runtime;
using MetalMoe.Oracle.Tests.LlamaCpp;
using MetalMoe.Testing;
using NUnit.Framework;

namespace MetalMoe.Oracle.Tests.Comparison;

/// <summary>
/// Perplexity as <c>llama-perplexity</c> counts it: chunks of 512 tokens that do not overlap, an
/// empty state before each, and the second half of each scored.
/// </summary>
[NonParallelizable]
public sealed class PerplexityTests
{
    private const int Context = 512;
    private const int FirstScored = Context / 2;
    private const int MobyDickTokens = 34 * Context;
    private const double Tolerance = 0.003;

    /// <summary>llama.cpp's published values on the text the model was held out from.</summary>
    private static readonly Dictionary<string, double> HeldOut = new()
    {
        ["bf16"] = 30.3997,
        ["q8_0"] = 30.4048,
        ["q4_k_m"] = 30.5758,
    };

    [Test]
    public void Perplexity_on_moby_dick_is_that_of_llama_cpp(
        [Values("bf16", "q8_0", "q4_k_m")] string quant)
    {
        Peers.Require();
        string path = ModelPath(quant);
        int[] tokens = TestTexts.MobyDickTokens(path, MobyDickTokens);
        double theirs = OfLlama(path, tokens);
        double ours = OfProduct(path, tokens);
        TestContext.Progress.WriteLine(
            $"perplexity, Moby Dick, {tokens.Length} tokens, {quant}: ours {ours:F4}, "
            + $"llama.cpp {theirs:F4} ({ours / theirs - 1:+0.000%;-0.000%})");
        Assert.That(ours, Is.EqualTo(theirs).Within(Tolerance * theirs));
    }

    [Test]
    public void Perplexity_on_held_out_text_is_the_published_one(
        [Values("bf16", "q8_0", "q4_k_m")] string quant)
    {
        Peers.Require();
        string? text = Environment.GetEnvironmentVariable("METALMOE_HELDOUT_TEXT");
        if (string.IsNullOrEmpty(text))
        {
            Assert.Ignore("the held-out text is not part of this repository; remedy: set "
                + "METALMOE_HELDOUT_TEXT to its path");
        }
        string path = ModelPath(quant);
        using var vocabulary = LlamaModel.Load(path, vocabularyOnly: true);
        int[] tokens = vocabulary.Tokenize(
            File.ReadAllBytes(text), addSpecial: false, parseSpecial: false);
        double ours = OfProduct(path, tokens);
        TestContext.Progress.WriteLine(
            $"perplexity, held-out text, {tokens.Length} tokens, {quant}: ours {ours:F4}, "
            + $"llama.cpp {HeldOut[quant]:F4} ({ours / HeldOut[quant] - 1:+0.000%;-0.000%})");
        Assert.That(ours, Is.EqualTo(HeldOut[quant]).Within(Tolerance * HeldOut[quant]));
    }

    private static string ModelPath(string quant) => quant == "bf16"
        ? GoldenModel.Rebuild()
        : Peers.RequireModel($"tiny-qwen35moe-{quant}.gguf");

    private static double OfLlama(string path, int[] tokens)
    {
        using var model = LlamaModel.Load(path);
        using var context = new LlamaContext(
            model, new LlamaContextOptions { ContextLength = Context, BatchSize = Context });
        return Perplexity(tokens, chunk =>
        {
            context.Clear();
            context.Decode(chunk, 0, row => row >= FirstScored);
            return row => context.Logits(row);
        });
    }

    private static double OfProduct(string path, int[] tokens)
    {
        using var engine = new ProductEngine(path);
        using var executor = engine.CreateExecutor(Context, CacheFormat.F16, FirstScored);
        var batch = new StepBatch();
        return Perplexity(tokens, chunk =>
        {
            executor.ResetSlot(0);
            batch.Clear();
            batch.Add(0, 0, chunk.AsSpan(0, FirstScored), LogitsMode.None);
            executor.Execute(batch, CancellationToken.None);
            batch.Clear();
            batch.Add(0, FirstScored, chunk.AsSpan(FirstScored), LogitsMode.All);
            executor.Execute(batch, CancellationToken.None);
            return row => executor.GetLogits(row - FirstScored);
        });
    }

    private delegate ReadOnlySpan<float> RowLogits(int row);

    private static double Perplexity(int[] tokens, Func<int[], RowLogits> evaluate)
    {
        double sum = 0;
        int count = 0;
        for (int first = 0; first + Context <= tokens.Length; first += Context)
        {
            int[] chunk = tokens[first..(first + Context)];
            var logits = evaluate(chunk);
            for (int row = FirstScored; row < Context - 1; row++)
            {
                double[] wide = Array.ConvertAll(logits(row).ToArray(), x => (double)x);
                sum += Divergence.LogSumExp(wide) - wide[chunk[row + 1]];
                count++;
            }
        }
        return Math.Exp(sum / count);
    }
}
