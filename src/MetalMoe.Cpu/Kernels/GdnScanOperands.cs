using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using MetalMoe.Core.Plan;
using MetalMoe.Cpu.Simd;

namespace MetalMoe.Cpu.Kernels;

/// <summary>Rows and vectors that the gated delta rule reads and writes, by token and head.
/// </summary>
internal sealed unsafe class GdnScanOperands(
    GdnScan op, RecurrentShape shape, Rows convolved, Rows alpha, Rows beta, Rows gate,
    float* norm, Rows output)
{
    private readonly float* _a = (float*)op.A.Address;
    private readonly float* _dtBias = (float*)op.DtBias.Address;
    private readonly int _headStride =
        convolved.Stride / ((2 * op.KeyHeads) + shape.ValueHeads);

    public GdnScan Op { get; } = op;

    public float* Query(int token, int head) => Head(token, head % Op.KeyHeads);

    public float* Key(int token, int head) => Head(token, Op.KeyHeads + (head % Op.KeyHeads));

    public float* Value(int token, int head) => Head(token, (2 * Op.KeyHeads) + head);

    /// <summary>exp(g) and beta of one token and value head.</summary>
    public (float Decay, float Beta) Gates(int token, int head)
    {
        float step = VectorMath.Softplus(alpha.Row(token)[head] + _dtBias[head]);
        float decay = (float)Math.Exp(_a[head] * (double)step);
        float sigmoid = (float)(1 / (1 + Math.Exp(-(double)beta.Row(token)[head])));
        return (decay, sigmoid);
    }

    public void StoreOutput(int token, int head, int column, Vector512<float> value)
    {
        int left = shape.ValueDim - column;
        if (left > 0)
        {
            VectorMath.StorePartial(value, OutputHead(token, head) + column, left);
        }
    }

    /// <summary>o -> RmsNorm(o; norm) * SiLU(gate), in place.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void NormalizeAndGate(int token, int head)
    {
        int dim = shape.ValueDim;
        float* o = OutputHead(token, head);
        float* z = gate.Row(token) + (head * dim);
        var squares = Vector512<float>.Zero;
        for (int i = 0; i < dim; i += VectorMath.Lanes)
        {
            var v = VectorMath.LoadPartial(o + i, dim - i);
            squares = Vector512.FusedMultiplyAdd(v, v, squares);
        }
        float mean = VectorMath.Sum(squares) / dim;
        var scale = Vector512.Create(1 / MathF.Sqrt(mean + Op.Epsilon));
        for (int i = 0; i < dim; i += VectorMath.Lanes)
        {
            var normed = VectorMath.LoadPartial(o + i, dim - i) * scale * Vector512.Load(norm + i);
            var gated = normed * VectorMath.Silu(VectorMath.LoadPartial(z + i, dim - i));
            VectorMath.StorePartial(gated, o + i, dim - i);
        }
    }

    private float* OutputHead(int token, int head) =>
        output.Row(token) + (head * shape.ValueDim);

    private float* Head(int token, int head) => convolved.Row(token) + (head * _headStride);
}
