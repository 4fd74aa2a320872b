using MetalMoe.Metal.Dispatch;
using MetalMoe.Metal.Kernels;
using MetalMoe.Metal.Kernels.Args;
using MetalMoe.Metal.Memory;
using NUnit.Framework;

namespace MetalMoe.Metal.Tests.Gdn;

/// <summary>
/// A gated-delta-rule layer on the device: its state, of which only S counts as written (zeros)
/// at first, and the dispatches of either form of step.
/// </summary>
internal sealed class GdnLayer
{
    // What the rounding of some hundred float32 operations on values near 1 leaves, four times
    // over, the norm's division included.
    private const double Tolerance = 4e-5;

    private readonly KernelRunner _runner;
    private readonly GdnProblem _problem;
    private readonly GdnShape _shape;
    private readonly GdnArgs _args;
    private readonly BufferRef _convState;
    private readonly BufferRef _state;

    public GdnLayer(KernelRunner runner, GdnProblem problem, int slots)
    {
        _runner = runner;
        _problem = problem;
        _shape = problem.Shape;
        _args = new GdnArgs
        {
            KeyHeads = (uint)_shape.KeyHeads,
            ValueHeads = (uint)_shape.ValueHeads,
            KeyDim = (uint)_shape.KeyDim,
            ValueDim = (uint)_shape.ValueDim,
            Taps = (uint)_shape.Taps,
            RingRows = (uint)(_shape.Taps - 1 + DispatchForms.MaxDecodeTokens),
            ConvEpsilon = GdnProblem.Epsilon,
            NormEpsilon = GdnProblem.Epsilon,
        };
        _convState = runner.Output<float>(slots * (int)_args.RingRows * _shape.Channels);
        _state = runner.Input<float>(new float[slots * StateLength]);
    }

    private int StateLength => _shape.ValueHeads * _shape.KeyDim * _shape.ValueDim;

    /// <summary>Runs a step over tokens [from, from + count) of some slots and checks the outputs
    /// and the states after it.</summary>
    public void Step(StepForm form, params (int Slot, int From, int Count)[] segments)
    {
        float[] output = Run(form, segments);
        float[] state = KernelRunner.Read<float>(_state);
        int row = 0;
        int width = _shape.ValueHeads * _shape.ValueDim;
        foreach (var (slot, from, count) in segments)
        {
            for (int p = from; p < from + count; p++, row++)
            {
                AssertNear(
                    output.AsSpan(row * width, width), _problem.Expected(slot, p),
                    $"output of slot {slot}, position {p}");
            }
            AssertNear(
                state.AsSpan(slot * StateLength, StateLength),
                _problem.State(slot, from + count), $"state of slot {slot}");
        }
    }

    /// <summary>Runs a step without checking.</summary>
    public float[] Run(StepForm form, params (int Slot, int From, int Count)[] segments)
    {
        StepShape step = _runner.SetStep(segments);
        int tokens = step.Tokens;
        BufferRef input = Gather(_problem.Input, segments);
        BufferRef alpha = Gather(_problem.Alpha, segments);
        BufferRef beta = Gather(_problem.Beta, segments);
        BufferRef gate = Gather(_problem.Gate, segments);
        BufferRef taps = _runner.Input<float>(_problem.Kernel);
        BufferRef a = _runner.Input<float>(_problem.A);
        BufferRef dt = _runner.Input<float>(_problem.Dt);
        BufferRef norm = _runner.Input<float>(_problem.Norm);
        BufferRef output = _runner.Output<float>(tokens * _shape.ValueHeads * _shape.ValueDim);
        if (form == StepForm.Decode)
        {
            _runner.Run(
                GdnKernels.Decode(_args), _args,
                [_runner.Segments, input, alpha, beta, gate, taps, a, dt, norm, _convState,
                    _state, output],
                new Grid(_shape.ValueHeads, segments.Length), GdnKernels.DecodeThreads(_args));
            return KernelRunner.Read<float>(output);
        }
        BufferRef rows = _runner.Output<float>(
            GdnKernels.PaddedRows(tokens, segments.Length) * _shape.Channels);
        _runner.Run(
            GdnKernels.Conv, _args,
            [_runner.Tokens, _runner.Segments, input, taps, _convState, rows],
            GdnKernels.ConvGrid(_args, step), 128);
        _runner.Run(
            GdnKernels.Scan(_shape.KeyDim), _args,
            [_runner.Segments, rows, alpha, beta, a, dt, _state, output],
            GdnKernels.ScanGrid(_args, step), 128);
        _runner.Run(
            GdnKernels.Norm, _args,
            [_runner.Tokens, _runner.Segments, gate, norm, input, _convState, output],
            GdnKernels.NormGrid(_args, step), 128);
        return KernelRunner.Read<float>(output);
    }

    private static void AssertNear(
        ReadOnlySpan<float> found, ReadOnlySpan<double> expected, string what)
    {
        double largest = 1;
        foreach (double x in expected)
        {
            largest = Math.Max(largest, Math.Abs(x));
        }
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.That(
                found[i], Is.EqualTo(expected[i]).Within(Tolerance * largest),
                $"{what}, element {i}");
        }
    }

    private BufferRef Gather(
        float[][][] rows, (int Slot, int From, int Count)[] segments) =>
        _runner.Input<float>([.. segments.SelectMany(
            s => rows[s.Slot].Skip(s.From).Take(s.Count)).SelectMany(row => row)]);
}
