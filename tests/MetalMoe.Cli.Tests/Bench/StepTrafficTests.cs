using MetalMoe.Cli.Bench;
using MetalMoe.Core.Gguf;
using MetalMoe.Core.Models;
using MetalMoe.Core.Runtime;
using MetalMoe.Core.Synthesis;
using MetalMoe.Cpu;
using NUnit.Framework;

namespace MetalMoe.Cli.Tests.Bench;

/// <summary>Bytes per token against sums worked out from the shape by hand.</summary>
public sealed class StepTrafficTests
{
    private const int F32 = 4;

    // L 4 (three recurrent, the last attention), D 256, H 4, G 2, K 64, Kh 2, Vh 4 of 64, E 8,
    // A 2, F 256 and as much shared, V 512: the defaults, written out so that they cannot drift.
    private static readonly SynthesisShape s_shape = new()
    {
        Layers = 4,
        EmbeddingLength = 256,
        HeadCount = 4,
        HeadCountKv = 2,
        KeyLength = 64,
        SsmStateSize = 64,
        SsmGroupCount = 2,
        SsmTimeStepRank = 4,
        SsmConvKernel = 4,
        ExpertCount = 8,
        ExpertUsedCount = 2,
        ExpertFeedForwardLength = 256,
        ExpertSharedFeedForwardLength = 256,
        VocabularySize = 512,
        FullAttentionInterval = 4,
    };

    [Test]
    public void A_decoded_token_reads_its_experts_and_every_other_weight_once()
    {
        using var model = new Loaded(s_shape);

        StepTraffic traffic = StepTraffic.Of(
            model.Executor, position: 9, tokens: 1, withLogits: true);

        long vocabulary = model.Executor.Plan.VocabularySize;
        long embedding = TinyModel.MatrixBytes(1, 256);
        long norms = 2 * 256 * F32;
        // qkv has 2 + 2 heads of keys and 4 of values, the gate 4; beta and alpha a row a head.
        long recurrent = TinyModel.MatrixBytes(512 + 256 + 4 + 4, 256)
            + (512 * 4 * F32) + (4 * F32) + (4 * F32) + (64 * F32)
            + TinyModel.MatrixBytes(256, 256);
        // Queries with their gates, keys, values, two norms of a head, output.
        long attention = TinyModel.MatrixBytes(512 + 128 + 128, 256) + (2 * 64 * F32)
            + TinyModel.MatrixBytes(256, 256);
        long experts = (8 * 256 * F32) + (256 * F32) + TinyModel.MatrixBytes(3 * 256, 256)
            + (2 * TinyModel.MatrixBytes(3 * 256, 256));
        long head = (256 * F32) + TinyModel.MatrixBytes(vocabulary, 256);
        long expected = embedding + (4 * (norms + experts)) + (3 * recurrent) + attention + head;
        Assert.That(traffic.WeightBytes, Is.EqualTo(expected));
        // One layer, 10 positions, 2 heads of 64 halves, keys and values.
        Assert.That(traffic.CacheBytes, Is.EqualTo(10 * 2 * 64 * 2 * 2));
        // Three layers: 3 rows of 512 channels and four heads of 64 x 64.
        Assert.That(traffic.StateBytes, Is.EqualTo(3 * ((3 * 512) + (4 * 64 * 64)) * F32));
    }

    [Test]
    public void Decoding_counts_the_average_length_of_the_cache()
    {
        using var model = new Loaded(s_shape);

        StepTraffic traffic = StepTraffic.OfDecode(model.Executor, depth: 10, count: 5);

        Assert.That(traffic.CacheBytes, Is.EqualTo(13 * 512).Within(1e-6));
    }

    [Test]
    public void A_prompt_reads_the_head_only_in_its_last_step()
    {
        using var model = new Loaded(s_shape);

        StepTraffic two = StepTraffic.OfPrefill(model.Executor, tokens: 32);
        StepTraffic first = StepTraffic.Of(model.Executor, 0, 16, withLogits: false);
        StepTraffic last = StepTraffic.Of(model.Executor, 16, 16, withLogits: true);

        long head = (256 * F32)
            + TinyModel.MatrixBytes(model.Executor.Plan.VocabularySize, 256);
        Assert.That(two, Is.EqualTo(first + last));
        Assert.That(last.WeightBytes - first.WeightBytes, Is.EqualTo((double)head));
    }

    [TestCase(1, 8.0)]
    [TestCase(2, 15.75)]
    [TestCase(100000, 256.0)]
    public void Tokens_together_choose_some_of_the_same_experts(int tokens, double expected) =>
        Assert.That(
            StepTraffic.ExpectedExperts(256, 8, tokens), Is.EqualTo(expected).Within(1e-9));

    private sealed class Loaded : IDisposable
    {
        private readonly TinyModel _model;
        private readonly GgufFile _file;
        private readonly CpuDevice _device = new(new CpuDeviceOptions { Threads = 1 });

        public Loaded(SynthesisShape shape)
        {
            _model = new TinyModel(shape);
            _file = GgufFile.Open(_model.Path);
            Executor = _device.CreateExecutor(
                ModelCatalog.Load(_file).Plan,
                new ExecutorOptions { ContextLength = 64, MaxBatchTokens = 16 });
        }

        public IExecutor Executor { get; }

        public void Dispose()
        {
            Executor.Dispose();
            _device.Dispose();
            _file.Dispose();
            _model.Dispose();
        }
    }
}
