using MetalMoe.Core.Plan;
using MetalMoe.Cpu.Kernels;
using MetalMoe.Cpu.Linear;
using MetalMoe.Cpu.Memory;
using NUnit.Framework;

namespace MetalMoe.Cpu.Tests.Kernels;

public sealed unsafe class MoeKernelTests
{
    private const int D = 40;
    private const int F = 24;
    private const int Fs = 33;

    [Test]
    public void Routing_takes_the_largest_and_the_lower_id_on_a_tie()
    {
        using var harness = new KernelHarness(seed: 1);
        double[] logits = [0.5, 2, -1, 2, 7, 0.25, 2, 2];
        Rows ids = harness.Output(1, 4);
        Rows weights = harness.Output(1, 4);
        Rows shared = harness.Output(1, 1);
        harness.Run(
            new RouteKernel(
                RouteOp(harness, scale: 1), harness.Input(logits, 8), ids, weights,
                harness.Input([0.75], 1), shared),
            KernelHarness.Step((0, 0, 1)));
        Assert.That(Ids(ids, 0, 4), Is.EqualTo((int[])[4, 1, 3, 6]));
        double[] p = [.. ((double[])[7, 2, 2, 2]).Select(x => Math.Exp(x - 7))];
        Near.Check(
            KernelHarness.Read(weights, 1), [.. p.Select(x => x / p.Sum())], 1e-6, "weights");
        Near.Check(KernelHarness.Read(shared, 1), [1 / (1 + Math.Exp(-0.75))], 1e-6, "shared");
    }

    [Test]
    public void Routing_matches_a_softmax_over_all_experts(
        [Values(1, 3, 33)] int tokens, [Values(4, 17, 256)] int experts)
    {
        using var harness = new KernelHarness(seed: experts);
        int used = Math.Min(8, experts);
        double[] logits = harness.Random(tokens * experts, 5);
        Rows ids = harness.Output(tokens, used);
        Rows weights = harness.Output(tokens, used);
        harness.Run(
            new RouteKernel(
                RouteOp(harness, scale: 2.5f), harness.Input(logits, experts), ids, weights,
                null, null),
            KernelHarness.Step((0, 0, tokens)));
        for (int t = 0; t < tokens; t++)
        {
            double[] p = [.. logits[(t * experts)..((t + 1) * experts)].Select(Math.Exp)];
            int[] order = [.. Enumerable.Range(0, experts).OrderByDescending(e => p[e])
                .Take(used)];
            Assert.That(Ids(ids, t, used), Is.EqualTo(order));
            double sum = order.Sum(e => p[e]);
            double[] found = [.. Enumerable.Range(0, used).Select(a => (double)weights.Row(t)[a])];
            Near.Check(found, [.. order.Select(e => 2.5 * p[e] / sum)], 2e-6, $"token {t}");
        }
    }

    [Test]
    public void Experts_match_reference(
        [Values(1, 3, 4, 5, 40)] int tokens, [Values(true, false)] bool shared)
    {
        using var setup = new Setup(tokens, shared);
        setup.Run(tokens);
        // Three products of f32 rows of at most 40 values each.
        Near.Check(
            KernelHarness.Read(setup.Residual, tokens), setup.Reference(), 2e-5, $"T={tokens}");
    }

    [Test]
    public void One_token_or_many_in_a_step_give_the_same_bits()
    {
        using var many = new Setup(12, shared: true);
        many.Run(12);
        using var single = new Setup(12, shared: true);
        for (int t = 0; t < 12; t++)
        {
            single.Run(1, first: t);
        }
        Assert.That(
            KernelHarness.Read(single.Residual, 12),
            Is.EqualTo(KernelHarness.Read(many.Residual, 12)));
    }

    private static Route RouteOp(KernelHarness harness, float scale)
    {
        var none = new BufferId(0);
        return new Route("route", none, harness.Weight([1], 1), scale, none, none, null, null);
    }

    private static int[] Ids(Rows rows, int row, int count) =>
        new ReadOnlySpan<int>(rows.Row(row), count).ToArray();

    private sealed class Setup : IDisposable
    {
        private const int Experts = 6;
        private const int Used = 3;
        private readonly KernelHarness _harness = new(seed: 3);
        private readonly int _tokens;
        private readonly bool _shared;
        private readonly double[] _x;
        private readonly double[] _gateUp;
        private readonly double[] _down;
        private readonly double[] _sharedGate;
        private readonly double[] _sharedUp;
        private readonly double[] _sharedDown;
        private readonly double[] _weights;
        private readonly double[] _scale;
        private readonly double[] _residual;
        private readonly int[][] _ids;

        public Setup(int tokens, bool shared)
        {
            _tokens = tokens;
            _shared = shared;
            _x = _harness.Random(tokens * D);
            _gateUp = _harness.Random(Experts * 2 * F * D);
            _down = _harness.Random(Experts * D * F);
            _sharedGate = _harness.Random(Fs * D);
            _sharedUp = _harness.Random(Fs * D);
            _sharedDown = _harness.Random(D * Fs);
            _weights = _harness.Random(tokens * Used);
            _scale = _harness.Random(tokens);
            _residual = _harness.Random(tokens * D);
            _ids = [.. Enumerable.Range(0, tokens).Select(
                t => (int[])[t % Experts, (t + 2) % Experts, (t + 5) % Experts])];
            Residual = _harness.Input(_residual, D);
        }

        public Rows Residual { get; }

        public void Run(int count, int first = 0)
        {
            var none = new BufferId(0);
            var gateUp = _harness.Weight(_gateUp, Experts, 2 * F, D);
            var op = new MoeGateUp(
                "gate_up", none, none, new ExpertStack(gateUp, 2 * F, 0, F),
                new ExpertStack(gateUp, 2 * F, F, F), none, null);
            var down = new MoeDown(
                "down", none, none, none,
                new ExpertStack(_harness.Weight(_down, Experts, D, F), D, 0, D), null, none);
            var scratch = _harness.Own(new WorkerScratch(2));
            var resources = _harness.Own(
                new KernelResources(2, count, count * Used, 64, scratch));
            var groups = _harness.Own(new ExpertGroups(Experts, Used, count));
            Rows ids = Ids(first, count);
            Rows hidden = _harness.Output(count * Used, F);
            Rows sharedHidden = _harness.Output(count, Fs);
            Rows residual = new((nint)Residual.Row(first), D, Residual.Stride);
            var gate = new MoeGateUpKernel(
                op, ids, Activations(Slice(_x, D, first, count), count), hidden,
                SharedTarget(sharedHidden), groups, resources);
            var operands = new MoeDownOperands(
                new ExpertMatrix(down.Down), Activations(hidden, count * Used), ids,
                Slice(_weights, Used, first, count),
                SharedSource(sharedHidden, first, count), groups, residual);
            var few = new MoeDownFewKernel(down, operands, resources);
            Rows routed = _harness.Output(count * Used, D);
            Rows shared = _harness.Output(count, D);
            var many = new MoeDownManyKernel(down, operands, routed, shared, resources);
            scratch.Allocate();
            StepContext step = KernelHarness.Step((0, 0, count));
            _harness.Run(gate, step);
            _harness.Run(few, step);
            _harness.Run(many, step);
            _harness.Run(new MoeCombineKernel(down, operands, routed, shared), step);
        }

        public double[] Reference()
        {
            var result = (double[])_residual.Clone();
            for (int t = 0; t < _tokens; t++)
            {
                double[] x = _x[(t * D)..((t + 1) * D)];
                for (int a = 0; a < Used; a++)
                {
                    int e = _ids[t][a];
                    double[] gate = Product(_gateUp, e * 2 * F, F, x);
                    double[] up = Product(_gateUp, (e * 2 * F) + F, F, x);
                    double[] y = Product(_down, e * D, D, SwiGlu(gate, up));
                    Add(result, t, y, _weights[(t * Used) + a]);
                }
                if (_shared)
                {
                    double[] hidden = SwiGlu(
                        Product(_sharedGate, 0, Fs, x), Product(_sharedUp, 0, Fs, x));
                    Add(result, t, Product(_sharedDown, 0, D, hidden), _scale[t]);
                }
            }
            return result;
        }

        public void Dispose() => _harness.Dispose();

        private static void Add(double[] rows, int token, double[] y, double scale)
        {
            for (int i = 0; i < D; i++)
            {
                rows[(token * D) + i] += scale * y[i];
            }
        }

        private static double[] Product(double[] matrix, int firstRow, int rows, double[] x) =>
            [.. Enumerable.Range(firstRow, rows).Select(
                r => x.Select((v, c) => v * matrix[(r * x.Length) + c]).Sum())];

        private static double[] SwiGlu(double[] gate, double[] up) =>
            [.. gate.Zip(up, (g, u) => g / (1 + Math.Exp(-g)) * u)];

        private SharedGateUpTarget? SharedTarget(Rows hidden) => _shared
            ? new(new WeightMatrix(_harness.Weight(_sharedGate, Fs, D)),
                new WeightMatrix(_harness.Weight(_sharedUp, Fs, D)), hidden)
            : null;

        private SharedDownSource? SharedSource(Rows hidden, int first, int count) => _shared
            ? new(new WeightMatrix(_harness.Weight(_sharedDown, D, Fs)),
                Activations(hidden, count), Slice(_scale, 1, first, count))
            : null;

        private ActivationRows Activations(Rows rows, int count)
        {
            var activations = _harness.Own(new ActivationRows(count, rows.Columns));
            activations.Attach((float*)rows.Address, rows.Stride, count, rows.Columns);
            return activations;
        }

        private Rows Slice(double[] rows, int columns, int first, int count) =>
            _harness.Input(rows[(first * columns)..((first + count) * columns)], columns);

        private Rows Ids(int first, int count)
        {
            Rows rows = _harness.Output(count, Used);
            for (int i = 0; i < count; i++)
            {
                _ids[first + i].CopyTo(new Span<int>(rows.Row(i), Used));
            }
            return rows;
        }
    }
}
