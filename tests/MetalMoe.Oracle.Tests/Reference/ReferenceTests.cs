using System.Text.Json;
using MetalMoe.Oracle.Tests.Comparison;
using MetalMoe.Oracle.Tests.LlamaCpp;
using MetalMoe.Testing;
using NUnit.Framework;

namespace MetalMoe.Oracle.Tests.Reference;

/// <summary>
/// The reference judges the product, so it is judged first: by numbers of an independent
/// implementation (PyTorch) and by llama.cpp on the same values stored as F32.
/// </summary>
public sealed class ReferenceTests
{
    [SetUp]
    public void RequirePeers() => Peers.Require();

    [Test]
    public void Reference_gives_the_golden_logits_and_experts()
    {
        var model = new ReferenceModel(GoldenModel.Rebuild());
        using var golden = JsonDocument.Parse(File.ReadAllText(GoldenModel.GoldenJson));
        double worst = 0;
        int experts = 0;
        foreach (var prompt in golden.RootElement.GetProperty("prompts").EnumerateArray())
        {
            int[] tokens = Numbers(prompt.GetProperty("token_ids"));
            var run = model.Run(tokens);
            var ids = Numbers(prompt.GetProperty("top20_ids"));
            var logits = prompt.GetProperty("top20_logits").EnumerateArray().ToArray();
            for (int i = 0; i < ids.Length; i++)
            {
                double difference = run.Logits[^1][ids[i]] - logits[i].GetDouble();
                worst = Math.Max(worst, Math.Abs(difference));
            }
            foreach (var layer in
                prompt.GetProperty("layers_at_last_position").EnumerateArray())
            {
                int[] chosen = run.Routes[layer.GetProperty("layer").GetInt32()][^1].Experts;
                Assert.That(chosen, Is.EqualTo(Numbers(layer.GetProperty("experts"))));
                experts += chosen.Length;
            }
        }
        TestContext.Out.WriteLine(
            $"reference against golden.json: max {worst:E1} over 120 logits, "
            + $"{experts} experts the same");
        // The golden numbers are binary32 and at most 9.1e-6 from their own binary64 run.
        Assert.That(worst, Is.LessThan(2e-5));
    }

    [Test]
    public void Reference_agrees_with_llama_cpp_on_f32_weights()
    {
        string path = Path.Combine(TestContext.CurrentContext.WorkDirectory, "tiny-f32.gguf");
        Float32Copy.Write(Peers.RequireModel("tiny-qwen35moe-q8_0.gguf"), path);
        int[] tokens = TestTexts.MobyDickTokens(path, Feeding.TotalLength);
        var llama = LlamaEngine.Run(path, tokens, float32Cache: true);
        var reference = new ReferenceModel(path).Run(tokens);
        var divergence = Divergence.Of(reference.Logits, Divergence.Widen(llama.Logits));
        TestContext.Out.WriteLine(
            $"llama.cpp in F32 against the reference: max {divergence.MaxAbsolute:E1}, "
            + $"KL median {divergence.Median:E1}, max {divergence.Max:E1}");
        Assert.That(divergence.MaxAbsolute, Is.LessThan(2e-3));
        Assert.That(divergence.Median, Is.LessThan(1e-9));
    }

    private static int[] Numbers(JsonElement array) =>
        [.. array.EnumerateArray().Select(x => x.GetInt32())];
}
