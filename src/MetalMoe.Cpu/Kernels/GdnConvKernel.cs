using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using MetalMoe.Core.Plan;
using MetalMoe.Core.Runtime;
using MetalMoe.Cpu.Memory;
using MetalMoe.Cpu.Simd;

namespace MetalMoe.Cpu.Kernels;

/// <summary>
/// Causal depthwise convolution, SiLU, and the L2 norm of query and key heads. Output rows
/// [T, heads, padded head dimension] get whole-vector heads: q (Kh), k (Kh), v (Vh).
/// A unit is one segment and a run of heads.
/// </summary>
/// <param name="op">The operation.</param>
/// <param name="input">Rows before the convolution [T, channels].</param>
/// <param name="taps">Kernel transposed to [ConvKernel, channels], padded.</param>
/// <param name="state">Where the last rows of every slot are kept.</param>
/// <param name="output">Rows after the convolution.</param>
internal sealed unsafe class GdnConvKernel(
    GdnConv op, Rows input, Rows taps, RecurrentState state, Rows output) : CpuKernel(op.Name)
{
    private const int HeadsPerUnit = 8;
    private readonly RecurrentShape _shape = state.Shape;
    private StepContext _step = null!;

    private int Heads => (2 * op.KeyHeads) + _shape.ValueHeads;

    private int UnitsPerSegment => UnitsOf(Heads, HeadsPerUnit);

    public override int Prepare(StepContext step)
    {
        _step = step;
        return step.SegmentCount * UnitsPerSegment;
    }

    public override void Run(int unit, int worker)
    {
        StepSegment segment = _step.Segment(unit / UnitsPerSegment);
        int first = unit % UnitsPerSegment * HeadsPerUnit;
        int last = Math.Min(first + HeadsPerUnit, Heads);
        for (int head = first; head < last; head++)
        {
            ConvolveHead(segment, head);
        }
    }

    private void ConvolveHead(StepSegment segment, int head)
    {
        bool isValue = head >= 2 * op.KeyHeads;
        int dim = isValue ? _shape.ValueDim : _shape.KeyDim;
        int channel = isValue
            ? (2 * op.KeyHeads * _shape.KeyDim) + ((head - (2 * op.KeyHeads)) * dim)
            : head * dim;
        int stride = output.Stride / Heads;
        float queryScale = head < op.KeyHeads ? 1 / MathF.Sqrt(dim) : 1;
        float* previous = state.Convolution(segment.Slot) + channel;
        for (int i = 0; i < segment.TokenCount; i++)
        {
            float* destination = output.Row(segment.FirstToken + i) + (head * stride);
            Convolve(segment, i, previous, channel, dim, destination);
            if (!isValue)
            {
                Normalize(destination, stride, queryScale);
            }
        }
        UpdateState(segment, previous, channel, dim);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Convolve(
        StepSegment segment, int token, float* previous, int channel, int dim,
        float* destination)
    {
        int kernel = _shape.ConvKernel;
        for (int c = 0; c < dim; c += VectorMath.Lanes)
        {
            int count = Math.Min(VectorMath.Lanes, dim - c);
            var sum = Vector512<float>.Zero;
            for (int j = 0; j < kernel; j++)
            {
                float* row = Input(segment, token + 1 + j - kernel, previous, channel);
                sum = Vector512.FusedMultiplyAdd(
                    VectorMath.LoadPartial(row + c, count),
                    VectorMath.LoadPartial(taps.Row(j) + channel + c, count), sum);
            }
            VectorMath.Silu(sum).Store(destination + c);
        }
    }

    /// <summary>Row of a token of the segment; negative tokens lie in the slot's state.</summary>
    private float* Input(StepSegment segment, int token, float* previous, int channel) =>
        token >= 0
            ? input.Row(segment.FirstToken + token) + channel
            : previous + ((long)(_shape.ConvKernel - 1 + token) * _shape.ConvChannels);

    private void Normalize(float* head, int stride, float scale)
    {
        float sum = VectorMath.Dot(head, head, stride);
        var factor = Vector512.Create(scale / MathF.Sqrt(sum + op.Epsilon));
        for (int c = 0; c < stride; c += VectorMath.Lanes)
        {
            (Vector512.Load(head + c) * factor).Store(head + c);
        }
    }

    private void UpdateState(StepSegment segment, float* previous, int channel, int dim)
    {
        int kept = _shape.ConvKernel - 1;
        // Oldest first: a row moves down before the row it moves from is overwritten.
        for (int r = 0; r < kept; r++)
        {
            float* source = Input(segment, segment.TokenCount - kept + r, previous, channel);
            Unsafe.CopyBlockUnaligned(
                previous + ((long)r * _shape.ConvChannels), source, (uint)dim * sizeof(float));
        }
    }
}
