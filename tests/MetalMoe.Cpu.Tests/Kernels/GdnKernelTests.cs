using MetalMoe.Core.Plan;
using MetalMoe.Cpu.Kernels;
using MetalMoe.Cpu.Memory;
using MetalMoe.Cpu.Simd;
using NUnit.Framework;

namespace MetalMoe.Cpu.Tests.Kernels;

public sealed unsafe class GdnKernelTests
{
    private const float Epsilon = 1e-6f;

    [TestCase(1, 1, 1, 4, 6)]
    [TestCase(2, 4, 64, 4, 40)]
    [TestCase(2, 6, 24, 4, 33)]
    [TestCase(3, 3, 31, 3, 17)]
    [TestCase(1, 3, 80, 2, 9)]
    [TestCase(2, 2, 128, 4, 5)]
    public void Matches_reference(int keyHeads, int valueHeads, int dim, int kernel, int tokens)
    {
        using var setup = new Setup(keyHeads, valueHeads, dim, kernel, tokens);
        double[] found = setup.Run([tokens]);
        // f32 recurrence over some tens of tokens with values of order one; the gated norm can
        // magnify a small output, hence the wider bound.
        Near.Check(found, setup.Reference(), 2e-4, $"Kh={keyHeads} Vh={valueHeads} d={dim}");
    }

    [Test]
    public void Any_split_into_steps_gives_the_same_bits()
    {
        using var whole = new Setup(2, 4, 80, 4, 50);
        double[] expected = whole.Run([50]);
        foreach (int[] split in (int[][])
            [[.. Enumerable.Repeat(1, 50)], [2, 48], [1, 1, 1, 47], [31, 19], [3, 2, 45]])
        {
            using var parts = new Setup(2, 4, 80, 4, 50);
            Assert.That(parts.Run(split), Is.EqualTo(expected), string.Join(",", split));
        }
    }

    [Test]
    public void Slots_do_not_touch_each_other()
    {
        using var alone = new Setup(1, 2, 16, 4, 20);
        double[] expected = alone.Run([20]);
        using var setup = new Setup(1, 2, 16, 4, 20);
        setup.Disturb(slot: 0);
        double[] first = setup.Run([10]);
        setup.Disturb(slot: 0);
        double[] second = setup.Run([10], from: 10);
        Assert.That((double[])[.. first, .. second], Is.EqualTo(expected));
    }

    private sealed class Setup : IDisposable
    {
        private readonly KernelHarness _harness = new(seed: 11);
        private readonly GdnReference _reference;
        private readonly RecurrentState _state;
        private readonly double[] _input;
        private readonly double[] _alpha;
        private readonly double[] _beta;
        private readonly double[] _gate;
        private readonly int _tokens;

        public Setup(int keyHeads, int valueHeads, int dim, int kernel, int tokens)
        {
            int channels = ((2 * keyHeads) + valueHeads) * dim;
            _tokens = tokens;
            _reference = new GdnReference(
                keyHeads, valueHeads, dim, kernel, Epsilon, _harness.Random(channels * kernel),
                [.. _harness.Random(valueHeads).Select(v => -0.1 - Math.Abs(v))],
                _harness.Random(valueHeads), _harness.Random(dim, 2));
            _state = _harness.Own(new RecurrentState(
                new RecurrentShape(kernel, channels, valueHeads, dim, dim), slots: 2));
            _input = _harness.Random(tokens * channels, 2);
            _alpha = _harness.Random(tokens * valueHeads, 2);
            _beta = _harness.Random(tokens * valueHeads, 2);
            _gate = _harness.Random(tokens * valueHeads * dim, 2);
        }

        public double[] Reference() => _reference.Run(_input, _alpha, _beta, _gate, _tokens);

        /// <summary>Runs the sequence on slot 1 in steps of these many tokens.</summary>
        public double[] Run(int[] split, int from = 0)
        {
            var output = new List<double>();
            foreach (int count in split)
            {
                output.AddRange(RunStep(slot: 1, from, count));
                from += count;
            }
            return [.. output];
        }

        public void Disturb(int slot) => RunStep(slot, 0, _tokens);

        public void Dispose() => _harness.Dispose();

        private double[] RunStep(int slot, int first, int count)
        {
            var r = _reference;
            int heads = (2 * r.KeyHeads) + r.ValueHeads;
            Rows Slice(double[] rows, int columns) =>
                _harness.Input(rows[(first * columns)..((first + count) * columns)], columns);
            var none = new BufferId(0);
            Rows convolved = _harness.Output(count, heads * VectorMath.Pad(r.Dim));
            Rows output = _harness.Output(count, r.ValueHeads * r.Dim);
            StepContext step = KernelHarness.Step((slot, first, count));
            var kernel = _harness.Weight(r.Kernel, heads * r.Dim, r.Taps);
            var conv = new GdnConv("conv", none, kernel, Epsilon, r.KeyHeads, 0, none);
            _harness.Run(
                new GdnConvKernel(
                    conv, Slice(_input, heads * r.Dim), Taps(), _state, convolved), step);
            var scan = new GdnScan(
                "scan", none, none, none, _harness.Weight(r.A, r.ValueHeads),
                _harness.Weight(r.DtBias, r.ValueHeads), none, _harness.Weight(r.Norm, r.Dim),
                Epsilon, r.KeyHeads, 0, none);
            var operands = new GdnScanOperands(
                scan, _state.Shape, convolved, Slice(_alpha, r.ValueHeads),
                Slice(_beta, r.ValueHeads), Slice(_gate, r.ValueHeads * r.Dim),
                _harness.Vector(r.Norm), output);
            var scratch = _harness.Own(new WorkerScratch(2));
            scratch.Reserve(2 * count);
            scratch.Allocate();
            _harness.Run(new GdnScanKernel(operands, _state, scratch), step);
            return KernelHarness.Read(output, count);
        }

        private Rows Taps()
        {
            int channels = _reference.Kernel.Length / _reference.Taps;
            var transposed = new double[_reference.Kernel.Length];
            for (int i = 0; i < transposed.Length; i++)
            {
                transposed[i] =
                    _reference.Kernel[(i % channels * _reference.Taps) + (i / channels)];
            }
            return _harness.Input(transposed, channels);
        }
    }
}
