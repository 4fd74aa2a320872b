using System.Text;
using NUnit.Framework;

namespace MetalMoe.Oracle.Tests.LlamaCpp;

/// <summary>The bindings themselves: a wrong struct layout must fail here and not elsewhere.
/// </summary>
public sealed class LlamaCppTests
{
    [SetUp]
    public void RequirePeers() => Peers.Require();

    [Test]
    public void Context_defaults_have_the_values_of_the_c_source()
    {
        var model = LlamaNative.llama_model_default_params();
        var context = LlamaNative.llama_context_default_params();
        Assert.Multiple(() =>
        {
            Assert.That(model.VocabOnly, Is.Zero);
            Assert.That(model.UseExtraBuffers, Is.EqualTo(1));
            Assert.That(context.ContextLength, Is.EqualTo(512));
            Assert.That(context.MicroBatchSize, Is.EqualTo(512));
            Assert.That(context.YarnBetaFast, Is.EqualTo(-1f));
            Assert.That(context.KeyType, Is.EqualTo(1));
            Assert.That(context.ValueType, Is.EqualTo(1));
            Assert.That(context.OffloadKqv, Is.EqualTo(1));
            Assert.That((long)context.OtherContext, Is.Zero);
        });
    }

    [Test]
    public void Block_geometry_of_a_format_is_read_through_the_traits()
    {
        const int Q4K = 12;
        Assert.Multiple(() =>
        {
            Assert.That(GgmlFormats.Name(Q4K), Is.EqualTo("q4_K"));
            Assert.That(GgmlFormats.BlockSize(Q4K), Is.EqualTo(256));
            Assert.That(GgmlFormats.BlockBytes(Q4K), Is.EqualTo(144));
        });
    }

    [Test]
    public void Vocabulary_file_round_trips_text()
    {
        string path = Path.Combine(Peers.LlamaSource, "models", "ggml-vocab-qwen35.gguf");
        using var model = LlamaModel.Load(path, vocabularyOnly: true);
        const string Text = "Ishmael's café — 北京, 1851 🐋";
        int[] tokens = model.Tokenize(Text);
        string back = Encoding.UTF8.GetString(model.Detokenize(tokens, special: true));
        Assert.That(back, Is.EqualTo(Text));
        string pieces = Encoding.UTF8.GetString(
            [.. tokens.SelectMany(t => model.TokenBytes(t, special: true))]);
        Assert.That(pieces, Is.EqualTo(Text));
    }

    [Test]
    public void A_file_that_is_no_model_is_refused_with_the_reason()
    {
        string path = Path.Combine(Peers.LlamaSource, "README.md");
        Assert.That(
            () => LlamaModel.Load(path),
            Throws.InvalidOperationException.With.Message.Contains("README.md"));
    }

    [Test]
    public void Probe_sees_as_many_experts_as_the_model_uses()
    {
        string path = Peers.RequireModel("tiny-qwen35moe-q8_0.gguf");
        using var model = LlamaModel.Load(path);
        int[] tokens = model.Tokenize("Once upon a time there was");
        using var probe = new RouterProbe();
        using var context = new LlamaContext(model, new LlamaContextOptions { Probe = probe });
        context.Decode(tokens, 0);
        Assert.That(probe.Layers, Is.EqualTo(Enumerable.Range(0, 8)));
        Assert.That(probe.Chosen(7), Has.Count.EqualTo(tokens.Length));
        foreach (int[] experts in probe.Chosen(7))
        {
            Assert.That(experts, Is.Unique.And.Length.EqualTo(4));
            Assert.That(experts, Is.All.InRange(0, 11));
        }
        foreach (float[] p in probe.Probabilities(7))
        {
            Assert.That(p.Sum(x => (double)x), Is.EqualTo(1).Within(1e-5));
        }
        Assert.That(context.Logits(0).Length, Is.EqualTo(4096));
    }
}
