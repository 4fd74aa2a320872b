using MetalMoe.Core.Runtime;
using MetalMoe.Metal.Dispatch;
using MetalMoe.Metal.Kernels;
using MetalMoe.Metal.Kernels.Args;
using MetalMoe.Metal.Memory;
using NUnit.Framework;

namespace MetalMoe.Metal.Tests.Attention;

/// <summary>
/// An attention layer on the device: its caches, of which nothing counts as written at first, and
/// the dispatches of either form of step.
/// </summary>
internal sealed class AttentionLayer
{
    private readonly KernelRunner _runner;
    private readonly AttentionProblem _problem;
    private readonly AttentionShape _shape;
    private readonly AttentionArgs _args;
    private readonly BufferRef _keys;
    private readonly BufferRef _values;
    private readonly BufferRef _frequencies;

    public AttentionLayer(
        KernelRunner runner, AttentionProblem problem, int slots, int contextLength,
        int maxSplits = 32, int minSpan = 128)
    {
        _runner = runner;
        _problem = problem;
        _shape = problem.Shape;
        _args = new AttentionArgs
        {
            HeadCount = (uint)_shape.Heads,
            KvHeadCount = (uint)_shape.KvHeads,
            HeadDim = (uint)_shape.HeadDim,
            PaddedDim = (uint)_shape.PaddedDim,
            RotatedDim = (uint)_shape.Rotated,
            CacheRows = (uint)((contextLength + 7) / 8 * 8),
            MaxSplits = (uint)maxSplits,
            MinSpan = (uint)minSpan,
            Scale = _shape.Scale,
            Epsilon = AttentionProblem.NormEpsilon,
        };
        int elements = slots * _shape.KvHeads * (int)_args.CacheRows * _shape.PaddedDim;
        _keys = runner.Output<byte>(elements * ElementBytes);
        _values = runner.Output<byte>(elements * ElementBytes);
        _frequencies = runner.Input<ulong>(AttentionKernels.Frequencies(_shape.Rope));
    }

    private int ElementBytes => _shape.Format == CacheFormat.F16 ? 2 : 4;

    /// <summary>Puts the first positions of a slot into the caches, as earlier steps would.
    /// </summary>
    public void Fill(int slot, int count)
    {
        for (int p = 0; p < count; p++)
        {
            for (int g = 0; g < _shape.KvHeads; g++)
            {
                Put(_keys, _problem.CacheRow(isKey: true, slot, p, g), slot, g, p);
                Put(_values, _problem.CacheRow(isKey: false, slot, p, g), slot, g, p);
            }
        }
    }

    /// <summary>Runs a step over tokens [from, from + count) of some slots and checks outputs and
    /// cache rows.</summary>
    public void Step(StepForm form, params (int Slot, int From, int Count)[] segments)
    {
        float[] output = Run(form, segments);
        int row = 0;
        int width = _shape.Heads * _shape.HeadDim;
        foreach (var (slot, from, count) in segments)
        {
            for (int p = from; p < from + count; p++, row++)
            {
                double[] expected = _problem.Expected(slot, p);
                for (int i = 0; i < width; i++)
                {
                    Assert.That(output[(row * width) + i], Is.EqualTo(expected[i])
                        .Within(Tolerance), $"slot {slot}, position {p}, element {i}");
                }
                CheckCache(slot, p);
            }
        }
    }

    /// <summary>Runs a step without checking.</summary>
    public float[] Run(StepForm form, params (int Slot, int From, int Count)[] segments)
    {
        StepShape step = _runner.SetStep(segments);
        int tokens = step.Tokens;
        BufferRef queryGate = Gather(_problem.QueryGate, segments);
        BufferRef output = _runner.Output<float>(tokens * _shape.Heads * _shape.HeadDim);
        BufferRef[] operands =
        [
            _runner.Tokens, _runner.Segments, queryGate, Gather(_problem.Key, segments),
            Gather(_problem.Value, segments), _runner.Input<float>(_problem.QueryNorm),
            _runner.Input<float>(_problem.KeyNorm), _frequencies, _keys, _values,
        ];
        if (form == StepForm.Decode)
        {
            RunDecode(step, operands, queryGate, output);
        }
        else
        {
            RunPrefill(step, operands, queryGate, output);
        }
        return KernelRunner.Read<float>(output);
    }

    private void RunDecode(
        StepShape step, BufferRef[] operands, BufferRef queryGate, BufferRef output)
    {
        int spans = step.Tokens * _shape.Heads * (int)_args.MaxSplits;
        BufferRef partial = _runner.Output<float>(spans * _shape.PaddedDim);
        BufferRef stats = _runner.Output<float>(spans * 2);
        _runner.Run(
            AttentionKernels.Decode(
                _shape.Format, _shape.PaddedDim, _shape.Heads / _shape.KvHeads),
            _args, [.. operands, partial, stats], AttentionKernels.DecodeGrid(_args, step), 128);
        _runner.Run(
            AttentionKernels.Merge, _args, [_runner.Tokens, queryGate, partial, stats, output],
            new Grid(_shape.Heads, step.Tokens), _shape.PaddedDim);
    }

    private void RunPrefill(
        StepShape step, BufferRef[] operands, BufferRef queryGate, BufferRef output)
    {
        int rows = (step.Tokens + 7) / 8 * 8;
        BufferRef query = _runner.Output<float>(rows * _shape.Heads * _shape.PaddedDim);
        _runner.Run(
            AttentionKernels.Prep(_shape.Format, _shape.PaddedDim), _args, [.. operands, query],
            AttentionKernels.PrepGrid(_args, step), 128);
        _runner.Run(
            AttentionKernels.Prefill(_shape.Format, _shape.PaddedDim), _args,
            [_runner.Tokens, _runner.Segments, queryGate, query, _keys, _values, output],
            AttentionKernels.PrefillGrid(_args, step), 128);
    }

    // Outputs are means of values of at most 2. In float32 the error is that of some hundred
    // roundings. With a half cache a key element may round to the other neighbour, 2^-11 of it:
    // over K elements of random sign that moves a score by about 2^-11, and few do.
    private double Tolerance => _shape.Format == CacheFormat.F16 ? 1e-3 : 1e-5;

    private void CheckCache(int slot, int position)
    {
        for (int g = 0; g < _shape.KvHeads; g++)
        {
            foreach (bool isKey in new[] { true, false })
            {
                float[] expected = _problem.CacheRow(isKey, slot, position, g);
                float[] found = Get(isKey ? _keys : _values, slot, g, position);
                // A rotated element is a difference of products of about 2, rounded in float32;
                // the half cache may take the other neighbour.
                double unit = _shape.Format == CacheFormat.F16 ? 1.0 / 1024 : 0;
                for (int d = 0; d < expected.Length; d++)
                {
                    Assert.That(found[d], Is.EqualTo(expected[d])
                        .Within(4e-6 + (unit * Math.Abs(expected[d]))),
                        $"cache of slot {slot}, head {g}, position {position}, element {d}");
                }
            }
        }
    }

    private BufferRef Gather(
        float[][][] rows, (int Slot, int From, int Count)[] segments) =>
        _runner.Input<float>([.. segments.SelectMany(
            s => rows[s.Slot].Skip(s.From).Take(s.Count)).SelectMany(row => row)]);

    private BufferRef Place(BufferRef cache, int slot, int head, int position)
    {
        long bytes = (long)_shape.PaddedDim * ElementBytes;
        long row = (((long)slot * _shape.KvHeads) + head) * _args.CacheRows + position;
        return cache.Slice(row * bytes, bytes);
    }

    private void Put(BufferRef cache, float[] row, int slot, int head, int position)
    {
        BufferRef place = Place(cache, slot, head, position);
        _runner.MarkWritten(place);
        if (_shape.Format == CacheFormat.F16)
        {
            Array.ConvertAll(row, x => (Half)x).CopyTo(place.AsSpan<Half>());
        }
        else
        {
            row.CopyTo(place.AsSpan<float>());
        }
    }

    private float[] Get(BufferRef cache, int slot, int head, int position)
    {
        BufferRef place = Place(cache, slot, head, position);
        return _shape.Format == CacheFormat.F16
            ? Array.ConvertAll(place.AsSpan<Half>().ToArray(), x => (float)x)
            : place.AsSpan<float>().ToArray();
    }
}
