using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using MetalMoe.Core.Plan;
using MetalMoe.Core.Runtime;
using MetalMoe.Cpu.Memory;
using MetalMoe.Cpu.Simd;

namespace MetalMoe.Cpu.Kernels;

/// <summary>
/// Gated delta rule and gated RMS norm. A unit is one segment and one value head.
/// </summary>
/// <remarks>
/// The columns of S are independent: S^T k, the correction d and S^T q of a column need only
/// that column. So a prefill walks all its tokens over one strip of columns while the strip
/// stays in the L1 cache (128 x 64 f32 = 32 KiB), instead of the chunked matrix form that pays
/// on a GPU: the memory traffic of the state is the same, the flops are fewer, and one token or
/// a thousand in a step give the same bits.
/// </remarks>
internal sealed unsafe class GdnScanKernel(
    GdnScanOperands operands, RecurrentState state, WorkerScratch scratch)
    : CpuKernel(operands.Op.Name)
{
    private const int StripColumns = 4 * VectorMath.Lanes;
    private readonly RecurrentShape _shape = state.Shape;
    private StepContext _step = null!;

    public override int Prepare(StepContext step)
    {
        _step = step;
        return step.SegmentCount * _shape.ValueHeads;
    }

    public override void Run(int unit, int worker)
    {
        StepSegment segment = _step.Segment(unit / _shape.ValueHeads);
        int head = unit % _shape.ValueHeads;
        float* decay = scratch.Floats(worker);
        float* beta = decay + segment.TokenCount;
        for (int i = 0; i < segment.TokenCount; i++)
        {
            (decay[i], beta[i]) = operands.Gates(segment.FirstToken + i, head);
        }
        float* s = state.Head(segment.Slot, head);
        int column = 0;
        for (; column + StripColumns <= state.ValueStride; column += StripColumns)
        {
            ScanWideStrip(segment, head, s + column, column, decay, beta);
        }
        for (; column < state.ValueStride; column += VectorMath.Lanes)
        {
            ScanStrip(segment, head, s + column, column, decay, beta);
        }
        for (int i = 0; i < segment.TokenCount; i++)
        {
            operands.NormalizeAndGate(segment.FirstToken + i, head);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void ScanWideStrip(
        StepSegment segment, int head, float* s, int column, float* decays, float* betas)
    {
        int stride = state.ValueStride;
        int rows = _shape.KeyDim;
        for (int i = 0; i < segment.TokenCount; i++)
        {
            int t = segment.FirstToken + i;
            float* q = operands.Query(t, head);
            float* k = operands.Key(t, head);
            float* v = operands.Value(t, head) + column;
            Vector512<float> r0 = default, r1 = default, r2 = default, r3 = default;
            float* row = s;
            for (int j = 0; j < rows; j++, row += stride)
            {
                var kj = Vector512.Create(k[j]);
                r0 = Vector512.FusedMultiplyAdd(kj, Vector512.Load(row), r0);
                r1 = Vector512.FusedMultiplyAdd(kj, Vector512.Load(row + 16), r1);
                r2 = Vector512.FusedMultiplyAdd(kj, Vector512.Load(row + 32), r2);
                r3 = Vector512.FusedMultiplyAdd(kj, Vector512.Load(row + 48), r3);
            }
            var g = Vector512.Create(decays[i]);
            var beta = Vector512.Create(betas[i]);
            var d0 = beta * (Vector512.Load(v) - (g * r0));
            var d1 = beta * (Vector512.Load(v + 16) - (g * r1));
            var d2 = beta * (Vector512.Load(v + 32) - (g * r2));
            var d3 = beta * (Vector512.Load(v + 48) - (g * r3));
            r0 = r1 = r2 = r3 = Vector512<float>.Zero;
            row = s;
            for (int j = 0; j < rows; j++, row += stride)
            {
                var kj = Vector512.Create(k[j]);
                var qj = Vector512.Create(q[j]);
                var s0 = Vector512.FusedMultiplyAdd(kj, d0, g * Vector512.Load(row));
                var s1 = Vector512.FusedMultiplyAdd(kj, d1, g * Vector512.Load(row + 16));
                var s2 = Vector512.FusedMultiplyAdd(kj, d2, g * Vector512.Load(row + 32));
                var s3 = Vector512.FusedMultiplyAdd(kj, d3, g * Vector512.Load(row + 48));
                s0.Store(row);
                s1.Store(row + 16);
                s2.Store(row + 32);
                s3.Store(row + 48);
                r0 = Vector512.FusedMultiplyAdd(qj, s0, r0);
                r1 = Vector512.FusedMultiplyAdd(qj, s1, r1);
                r2 = Vector512.FusedMultiplyAdd(qj, s2, r2);
                r3 = Vector512.FusedMultiplyAdd(qj, s3, r3);
            }
            operands.StoreOutput(t, head, column, r0);
            operands.StoreOutput(t, head, column + 16, r1);
            operands.StoreOutput(t, head, column + 32, r2);
            operands.StoreOutput(t, head, column + 48, r3);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void ScanStrip(
        StepSegment segment, int head, float* s, int column, float* decays, float* betas)
    {
        int stride = state.ValueStride;
        int rows = _shape.KeyDim;
        for (int i = 0; i < segment.TokenCount; i++)
        {
            int t = segment.FirstToken + i;
            float* q = operands.Query(t, head);
            float* k = operands.Key(t, head);
            var r = Vector512<float>.Zero;
            float* row = s;
            for (int j = 0; j < rows; j++, row += stride)
            {
                r = Vector512.FusedMultiplyAdd(Vector512.Create(k[j]), Vector512.Load(row), r);
            }
            var g = Vector512.Create(decays[i]);
            var v = Vector512.Load(operands.Value(t, head) + column);
            var d = Vector512.Create(betas[i]) * (v - (g * r));
            r = Vector512<float>.Zero;
            row = s;
            for (int j = 0; j < rows; j++, row += stride)
            {
                var updated = Vector512.FusedMultiplyAdd(
                    Vector512.Create(k[j]), d, g * Vector512.Load(row));
                updated.Store(row);
                r = Vector512.FusedMultiplyAdd(Vector512.Create(q[j]), updated, r);
            }
            operands.StoreOutput(t, head, column, r);
        }
    }
}
