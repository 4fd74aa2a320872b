using System.Numerics;
using System.Runtime.InteropServices;

namespace MetalMoe.Oracle.Tests.Reference;

/// <summary>A weight matrix [rows, columns] as ggml decodes it; it may be a run of rows of a
/// taller one, whose values it shares.</summary>
public sealed record ReferenceMatrix(float[] Values, int Rows, int Columns, int FirstRow = 0)
{
    /// <summary>One row.</summary>
    public ReadOnlySpan<float> Row(int row) =>
        Values.AsSpan((int)((FirstRow + (long)row) * Columns), Columns);

    /// <summary>y[t][row] = sum over columns of W[row][c] x[t][c], in double.</summary>
    public double[][] Multiply(double[][] x)
    {
        var y = new double[x.Length][];
        for (int t = 0; t < x.Length; t++)
        {
            y[t] = new double[Rows];
        }
        Parallel.For(0, Rows, row =>
        {
            var wide = new double[Columns];
            var narrow = Row(row);
            for (int c = 0; c < Columns; c++)
            {
                wide[c] = narrow[c];
            }
            for (int t = 0; t < x.Length; t++)
            {
                y[t][row] = ReferenceMath.Dot(wide, x[t]);
            }
        });
        return y;
    }

    /// <summary>Rows [first, first + count).</summary>
    public ReferenceMatrix Slice(int first, int count) =>
        this with { Rows = count, FirstRow = FirstRow + first };
}

/// <summary>The scalar functions of the model in double precision.</summary>
public static class ReferenceMath
{
    /// <summary>Inner product.</summary>
    public static double Dot(ReadOnlySpan<double> a, ReadOnlySpan<double> b)
    {
        var wideA = MemoryMarshal.Cast<double, Vector<double>>(a);
        var wideB = MemoryMarshal.Cast<double, Vector<double>>(b);
        var sums = Vector<double>.Zero;
        for (int i = 0; i < wideA.Length; i++)
        {
            sums += wideA[i] * wideB[i];
        }
        double sum = Vector.Sum(sums);
        for (int i = wideA.Length * Vector<double>.Count; i < a.Length; i++)
        {
            sum += a[i] * b[i];
        }
        return sum;
    }

    /// <summary>x * rsqrt(mean x^2 + eps) * w.</summary>
    public static double[] RmsNorm(ReadOnlySpan<double> x, float[] weight, double epsilon)
    {
        double scale = 1 / Math.Sqrt(Dot(x, x) / x.Length + epsilon);
        var y = new double[x.Length];
        for (int i = 0; i < x.Length; i++)
        {
            y[i] = x[i] * scale * weight[i];
        }
        return y;
    }

    /// <summary>1 / (1 + e^-x).</summary>
    public static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));

    /// <summary>x * sigmoid(x).</summary>
    public static double Silu(double x) => x * Sigmoid(x);

    /// <summary>log(1 + e^x), without overflow.</summary>
    public static double Softplus(double x) =>
        Math.Max(x, 0) + Math.Log(1 + Math.Exp(-Math.Abs(x)));

    /// <summary>e^x over its sum.</summary>
    public static double[] Softmax(ReadOnlySpan<double> x)
    {
        var p = new double[x.Length];
        double max = double.NegativeInfinity;
        foreach (double value in x)
        {
            max = Math.Max(max, value);
        }
        double sum = 0;
        for (int i = 0; i < x.Length; i++)
        {
            p[i] = Math.Exp(x[i] - max);
            sum += p[i];
        }
        for (int i = 0; i < p.Length; i++)
        {
            p[i] /= sum;
        }
        return p;
    }
}
