using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using MetalMoe.Cpu.Simd;

namespace MetalMoe.Cpu.Kernels;

/// <summary>Output = Input * rsqrt(mean(Input^2) + eps) * gamma. A unit is a run of rows.</summary>
internal sealed unsafe class RmsNormKernel(
    string name, Rows input, float* gamma, float epsilon, Rows output) : CpuKernel(name)
{
    private const int RowsPerUnit = 8;
    private int _rows;

    public override int Prepare(StepContext step)
    {
        _rows = step.TokenCount;
        return UnitsOf(_rows, RowsPerUnit);
    }

    public override void Run(int unit, int worker)
    {
        int last = Math.Min((unit + 1) * RowsPerUnit, _rows);
        for (int row = unit * RowsPerUnit; row < last; row++)
        {
            Normalize(
                input.Row(row), gamma, input.Columns, input.Stride, epsilon, output.Row(row));
        }
    }

    /// <summary>
    /// Normalises one padded row whose padding is zero; 4 partial sums of 16 lanes, so that the
    /// additions do not wait for each other.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Normalize(
        float* x, float* gamma, int columns, int padded, float epsilon, float* y)
    {
        var scale = Vector512.Create(InverseRms(x, columns, padded, epsilon));
        for (int i = 0; i < padded; i += VectorMath.Lanes)
        {
            (Vector512.Load(x + i) * scale * Vector512.Load(gamma + i)).Store(y + i);
        }
    }

    private static float InverseRms(float* x, int columns, int padded, float epsilon)
    {
        Vector512<float> s0 = default, s1 = default, s2 = default, s3 = default;
        int i = 0;
        for (; i + 64 <= padded; i += 64)
        {
            s0 = Square(x + i, s0);
            s1 = Square(x + i + 16, s1);
            s2 = Square(x + i + 32, s2);
            s3 = Square(x + i + 48, s3);
        }
        for (; i < padded; i += VectorMath.Lanes)
        {
            s0 = Square(x + i, s0);
        }
        float sum = VectorMath.Sum(s0 + s1 + (s2 + s3));
        return 1 / MathF.Sqrt((sum / columns) + epsilon);
    }

    private static Vector512<float> Square(float* x, Vector512<float> sum)
    {
        var v = Vector512.Load(x);
        return Vector512.FusedMultiplyAdd(v, v, sum);
    }
}
