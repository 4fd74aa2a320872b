using MetalMoe.Core.Plan;
using MetalMoe.Core.Quants;
using MetalMoe.Metal.Dispatch;
using NUnit.Framework;

namespace MetalMoe.Metal.Tests.Moe;

/// <summary>
/// The three operations of a mixture of experts on random weights: set up, run, and compared
/// stage by stage, each from what the stage before it has left, so that bounds stay tight.
/// </summary>
internal sealed class MoeProblem : IDisposable
{
    private const float Epsilon = 1e-5f;
    private const float Scale = 1.5f;

    private readonly MoeShape _shape;
    private readonly OpRunner _runner;
    private readonly float[] _x;
    private readonly float[] _gamma;
    private readonly float[] _residual;
    private readonly float[] _sharedGate;
    private readonly float[] _router;
    private readonly TestMatrix _gate;
    private readonly TestMatrix _up;
    private readonly TestMatrix _down;
    private readonly TestMatrix _sharedGateMatrix;
    private readonly TestMatrix _sharedUp;
    private readonly TestMatrix _sharedDown;
    private readonly BufferId _ids;
    private readonly BufferId _weights;
    private readonly BufferId _hidden;
    private readonly BufferId _sharedScale;
    private readonly BufferId _sharedHidden;
    private readonly BufferId _sum;

    public MoeProblem(MoeShape shape, ulong shuffle = 0)
    {
        _shape = shape;
        _runner = new OpRunner(shuffle);
        int d = shape.Embedding;
        _x = TestMatrix.Random(shape.Tokens * d, 1);
        _gamma = TestMatrix.Random(d, 2);
        _residual = TestMatrix.Random(shape.Tokens * shape.Outputs, 3);
        _sharedGate = TestMatrix.Random(d, 4);
        _router = TestMatrix.Random(shape.Experts * d, 5);
        // The last two experts' logits are always equal.
        if (shape.Experts > 1)
        {
            int last = (shape.Experts - 1) * d;
            _router.AsSpan(last - d, d).CopyTo(_router.AsSpan(last, d));
        }

        // Gate and up of an expert lie in one tensor, one after the other.
        int fused = shape.Experts * 2 * shape.Width;
        _gate = _runner.Matrix(shape.Gate, fused, d, 6);
        _up = shape.Gate == shape.Up ? _gate : _runner.Matrix(shape.Up, fused, d, 7);
        _down = _runner.Matrix(shape.Down, shape.Experts * shape.Outputs, shape.Width, 8);
        _sharedGateMatrix = _runner.Matrix(shape.SharedGate, shape.SharedWidth, d, 9);
        _sharedUp = _runner.Matrix(shape.SharedUp, shape.SharedWidth, d, 10);
        _sharedDown = _runner.Matrix(shape.SharedDown, shape.Outputs, shape.SharedWidth, 11);

        _ids = _runner.Output(shape.Used, BufferElement.I32);
        _weights = _runner.Output(shape.Used);
        _hidden = _runner.Output(shape.Used * shape.Width);
        _sharedScale = _runner.Output(1);
        _sharedHidden = _runner.Output(shape.SharedWidth);
        _sum = _runner.Input(_residual, shape.Outputs);
        AddOperations();
    }

    public OpRunner Runner => _runner;

    public void Run() => _runner.Run(DispatchForms.Of(_shape.Tokens), OpRunner.Step(_shape.Tokens));

    public void Check()
    {
        double[] normed = TestMatrix.Norm(_x, _gamma, Epsilon);
        int d = _shape.Embedding;
        for (int t = 0; t < _shape.Tokens; t++)
        {
            double[] x = normed.AsSpan(t * d, d).ToArray();
            CheckChoice(t, x);
            CheckHidden(t, x);
            CheckDown(t);
        }
    }

    public void Dispose() => _runner.Dispose();

    private void AddOperations()
    {
        MoeShape s = _shape;
        BufferId input = _runner.Input(_x, s.Embedding);
        BufferId normed = _runner.Output(s.Embedding);
        _runner.Add(new RmsNorm("norm", input, _runner.Vector(_gamma), Epsilon, normed));
        _runner.Add(new Route(
            "router", normed, _runner.Matrix(_router, s.Experts, s.Embedding).Weight, Scale, _ids,
            _weights, s.HasShared ? _runner.Vector(_sharedGate) : null,
            s.HasShared ? _sharedScale : null));
        _runner.Add(new MoeGateUp(
            "gate_up", normed, _ids, new ExpertStack(_gate.Weight, 2 * s.Width, 0, s.Width),
            new ExpertStack(_up.Weight, 2 * s.Width, s.Width, s.Width), _hidden,
            s.HasShared
                ? new SharedGateUp(_sharedGateMatrix.Weight, _sharedUp.Weight, _sharedHidden)
                : null));
        _runner.Add(new MoeDown(
            "down", _hidden, _ids, _weights,
            new ExpertStack(_down.Weight, s.Outputs, 0, s.Outputs),
            s.HasShared ? new SharedDown(_sharedDown.Weight, _sharedHidden, _sharedScale) : null,
            _sum));
    }

    /// <summary>
    /// Ids in descending order of their exact logits where these differ by more than rounding,
    /// of two equal logits the lower id first; weights from the logits of the ids found.
    /// </summary>
    private void CheckChoice(int t, double[] x)
    {
        int[] ids = _runner.ReadIds(_ids)[(t * _shape.Used)..((t + 1) * _shape.Used)];
        double[] weights = _runner.Read(_weights)[(t * _shape.Used)..((t + 1) * _shape.Used)];
        var logits = new double[_shape.Experts];
        double bound = 0;
        for (int e = 0; e < logits.Length; e++)
        {
            double magnitude = 0;
            for (int i = 0; i < x.Length; i++)
            {
                logits[e] += _router[(e * x.Length) + i] * x[i];
                magnitude += Math.Abs(_router[(e * x.Length) + i] * x[i]);
            }
            bound = Math.Max(bound, TestMatrix.Rounding * magnitude);
        }
        int[] order = [.. Enumerable.Range(0, logits.Length).OrderByDescending(e => logits[e])
            .ThenBy(e => e)];
        double sum = ids.Sum(id => Math.Exp(logits[id] - logits[order[0]]));
        for (int a = 0; a < ids.Length; a++)
        {
            TestMatrix.Near(
                logits[ids[a]], logits[order[a]], 2 * bound, $"token {t} logit of rank {a}");
            double share = Scale * Math.Exp(logits[ids[a]] - logits[order[0]]) / sum;
            TestMatrix.Near(
                weights[a], share, share * (4 * bound + 1e-5), $"token {t} weight of rank {a}");
        }
        int lower = Array.IndexOf(ids, _shape.Experts - 2);
        int upper = Array.IndexOf(ids, _shape.Experts - 1);
        Assert.That(ids, Is.Unique);
        Assert.That(
            upper < 0 || _shape.Experts == 1 || (lower >= 0 && lower < upper),
            "the lower id of a tie comes first");
    }

    private void CheckHidden(int t, double[] x)
    {
        MoeShape s = _shape;
        int[] ids = _runner.ReadIds(_ids);
        double[] hidden = _runner.Read(_hidden);
        for (int a = 0; a < s.Used; a++)
        {
            int slot = (t * s.Used) + a;
            for (int r = 0; r < s.Width; r++)
            {
                int row = (ids[slot] * 2 * s.Width) + r;
                CheckGated(
                    hidden[(slot * s.Width) + r], _gate.Dot(row, x), _up.Dot(row + s.Width, x),
                    $"token {t} rank {a} row {r}");
            }
        }
        if (s.HasShared)
        {
            double[] shared = _runner.Read(_sharedHidden);
            for (int r = 0; r < s.SharedWidth; r++)
            {
                CheckGated(
                    shared[(t * s.SharedWidth) + r], _sharedGateMatrix.Dot(r, x),
                    _sharedUp.Dot(r, x), $"token {t} shared row {r}");
            }
            double exact = Sigmoid(x.Zip(_sharedGate, (a, b) => a * b).Sum());
            TestMatrix.Near(
                _runner.Read(_sharedScale)[t], exact, 1e-5, $"token {t} shared scale");
        }
    }

    /// <summary>silu(g) * u, whose slopes are 1.1 |u| and |silu(g)|.</summary>
    public static void CheckGated(
        double found, (double Sum, double Magnitude) g, (double Sum, double Magnitude) u,
        string what)
    {
        double silu = g.Sum * Sigmoid(g.Sum);
        double bound = TestMatrix.Rounding * ((1.1 * Math.Abs(u.Sum) * g.Magnitude)
            + (Math.Abs(silu) * u.Magnitude) + (g.Magnitude * u.Magnitude * 1e-6));
        TestMatrix.Near(found, silu * u.Sum, bound + (1e-6 * Math.Abs(silu * u.Sum)), what);
    }

    private void CheckDown(int t)
    {
        MoeShape s = _shape;
        int[] ids = _runner.ReadIds(_ids);
        double[] weights = _runner.Read(_weights);
        double[] hidden = _runner.Read(_hidden);
        double[] sum = _runner.Read(_sum);
        for (int r = 0; r < s.Outputs; r++)
        {
            double expected = _residual[(t * s.Outputs) + r];
            double magnitude = Math.Abs(expected);
            for (int slot = t * s.Used; slot < (t + 1) * s.Used; slot++)
            {
                var (dot, size) = _down.Dot(
                    (ids[slot] * s.Outputs) + r, hidden.AsSpan(slot * s.Width, s.Width));
                expected += weights[slot] * dot;
                magnitude += Math.Abs(weights[slot]) * size;
            }
            if (s.HasShared)
            {
                double scale = _runner.Read(_sharedScale)[t];
                double[] shared = _runner.Read(_sharedHidden);
                var (dot, size) = _sharedDown.Dot(
                    r, shared.AsSpan(t * s.SharedWidth, s.SharedWidth));
                expected += scale * dot;
                magnitude += scale * size;
            }
            TestMatrix.Near(
                sum[(t * s.Outputs) + r], expected, TestMatrix.Rounding * magnitude,
                $"token {t} output {r}");
        }
    }

    private static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));
}

/// <summary>Sizes and formats of a mixture of experts.</summary>
internal sealed record MoeShape(int Tokens)
{
    public int Embedding { get; init; } = 256;

    public int Experts { get; init; } = 5;

    public int Used { get; init; } = 3;

    public int Width { get; init; } = 32;

    public int SharedWidth { get; init; } = 32;

    public int Outputs { get; init; } = 19;

    public bool HasShared { get; init; } = true;

    public QuantFormat Gate { get; init; } = QuantFormat.F32;

    public QuantFormat Up { get; init; } = QuantFormat.F32;

    public QuantFormat Down { get; init; } = QuantFormat.F32;

    public QuantFormat SharedGate { get; init; } = QuantFormat.F32;

    public QuantFormat SharedUp { get; init; } = QuantFormat.F32;

    public QuantFormat SharedDown { get; init; } = QuantFormat.F32;
}
