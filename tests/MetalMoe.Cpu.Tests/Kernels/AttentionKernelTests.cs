using MetalMoe.Core.Plan;
using MetalMoe.Core.Runtime;
using MetalMoe.Cpu.Kernels;
using MetalMoe.Cpu.Memory;
using NUnit.Framework;

namespace MetalMoe.Cpu.Tests.Kernels;

public sealed unsafe class AttentionKernelTests
{
    private const float Epsilon = 1e-6f;

    [TestCase(1, 1, 2, 2, 5)]
    [TestCase(4, 2, 64, 16, 70)]
    [TestCase(6, 2, 24, 24, 33)]
    [TestCase(16, 2, 256, 64, 9)]
    [TestCase(3, 3, 33, 8, 65)]
    [TestCase(2, 1, 31, 2, 130)]
    public void Matches_reference_with_an_f32_cache(
        int heads, int kvHeads, int dim, int rope, int tokens)
    {
        using var setup = new Setup(heads, kvHeads, dim, rope, tokens, CacheFormat.F32);
        double[] found = setup.Run([tokens]);
        // Dot products and softmax in f32 over values of order one.
        Near.Check(found, setup.Reference(), 2e-5, "prefill");
    }

    [Test]
    public void Matches_reference_with_an_f16_cache()
    {
        using var setup = new Setup(4, 2, 64, 16, 70, CacheFormat.F16);
        // Keys and values are rounded to 11 bits: 2^-11 of scores and of outputs.
        Near.Check(setup.Run([70]), setup.Reference(), 4e-3, "f16 cache");
    }

    [TestCase(CacheFormat.F16)]
    [TestCase(CacheFormat.F32)]
    public void Any_split_into_steps_gives_the_same_bits(CacheFormat format)
    {
        const int Tokens = 150;
        using var whole = new Setup(4, 2, 24, 8, Tokens, format);
        double[] expected = whole.Run([Tokens]);
        foreach (int[] split in (int[][])
            [
                [.. Enumerable.Repeat(1, Tokens)], [64, 64, 22], [7, 1, 33, 9, 100], [149, 1],
                [8, 142],
            ])
        {
            using var parts = new Setup(4, 2, 24, 8, Tokens, format);
            Assert.That(parts.Run(split), Is.EqualTo(expected), string.Join(",", split));
        }
    }

    [Test]
    public void Long_caches_are_merged_from_spans_and_match_reference()
    {
        // Two spans of 1024 positions and a rest; the last token decoded alone.
        const int Tokens = 2100;
        using var setup = new Setup(2, 1, 16, 4, Tokens, CacheFormat.F32);
        double[] prefill = setup.Run([Tokens]);
        using var again = new Setup(2, 1, 16, 4, Tokens, CacheFormat.F32);
        double[] decoded = again.Run([1023, 1, 1, 1022, 1, 51, 1]);
        Assert.That(decoded, Is.EqualTo(prefill));
        double[] expected = setup.Reference();
        Near.Check(prefill, expected, 5e-5, "2100 positions");
    }

    private sealed class Setup : IDisposable
    {
        private readonly KernelHarness _harness = new(seed: 5);
        private readonly int _heads;
        private readonly int _kvHeads;
        private readonly int _dim;
        private readonly int _tokens;
        private readonly AttentionReference _reference;
        private readonly double[] _queryGate;
        private readonly double[] _key;
        private readonly double[] _value;
        private readonly KeyValueCache _cache;
        private readonly CacheShape _shape;
        private readonly RopeParameters _rope;

        public Setup(
            int heads, int kvHeads, int dim, int rope, int tokens, CacheFormat format)
        {
            _heads = heads;
            _kvHeads = kvHeads;
            _dim = dim;
            _tokens = tokens;
            _queryGate = _harness.Random(tokens * heads * 2 * dim, 2);
            _key = _harness.Random(tokens * kvHeads * dim, 2);
            _value = _harness.Random(tokens * kvHeads * dim, 2);
            _rope = new RopeParameters(rope, 10000);
            _shape = new CacheShape(kvHeads, dim);
            _reference = new AttentionReference(
                heads, kvHeads, dim, rope, 10000, Epsilon, 1.5 / Math.Sqrt(dim),
                _harness.Random(dim, 2), _harness.Random(dim, 2));
            _cache = _harness.Own(new KeyValueCache(_shape, new ExecutorOptions
            {
                ContextLength = tokens,
                Slots = 2,
                CacheFormat = format,
            }));
        }

        public double[] Reference() => _reference.Run(_queryGate, _key, _value, _tokens);

        /// <summary>Runs the sequence on slot 1 in steps of these many tokens.</summary>
        public double[] Run(int[] split)
        {
            var output = new List<double>();
            int position = 0;
            foreach (int count in split)
            {
                output.AddRange(RunStep(position, count));
                position += count;
            }
            return [.. output];
        }

        public void Dispose() => _harness.Dispose();

        private double[] RunStep(int position, int count)
        {
            int stride = _cache.HeadStride;
            Rows queryGate = Slice(_queryGate, _heads * 2 * _dim, position, count);
            Rows key = Slice(_key, _kvHeads * _dim, position, count);
            Rows value = Slice(_value, _kvHeads * _dim, position, count);
            Rows query = _harness.Output(count, _heads * stride);
            Rows output = _harness.Output(count, _heads * _dim);
            StepContext step = KernelHarness.Step((1, position, count));
            var none = new BufferId(0);
            var norm = _harness.Weight([1], 1);
            _harness.Run(
                new AttentionPrepKernel(
                    new AttentionPrep("prep", none, none, none, norm, norm, Epsilon, _rope,
                        _heads, 0, none),
                    queryGate, key, value, _harness.Vector(_reference.QueryNorm),
                    _harness.Vector(_reference.KeyNorm), new RopeTable(_rope, count), _cache,
                    _shape, query),
                step);
            var operands = new AttentionOperands(
                new Attention("attn", none, none, _heads, (float)_reference.Scale, 0, none),
                query, queryGate, _cache, _shape, output);
            var scratch = _harness.Own(new WorkerScratch(2));
            scratch.Reserve(operands.ScratchLength(AttentionPrefillKernel.TokensPerUnit));
            scratch.Allocate();
            var partials = _harness.Own(new SpanPartials(_heads, stride, count, _tokens));
            _harness.Run(new AttentionDecodeKernel(operands, partials, scratch), step);
            _harness.Run(new AttentionMergeKernel(operands, partials, scratch), step);
            _harness.Run(new AttentionPrefillKernel(operands, scratch), step);
            return KernelHarness.Read(output, count);
        }

        private Rows Slice(double[] rows, int columns, int first, int count) =>
            _harness.Input(rows[(first * columns)..((first + count) * columns)], columns);
    }
}
