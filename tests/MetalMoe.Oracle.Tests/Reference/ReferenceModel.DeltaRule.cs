using static MetalMoe.Oracle.Tests.Reference.ReferenceMath;

namespace MetalMoe.Oracle.Tests.Reference;

/// <summary>Gated DeltaNet: short causal convolution, then the gated delta rule step by step.
/// </summary>
public sealed partial class ReferenceModel
{
    private double[][] DeltaRule(string block, double[][] h)
    {
        int keyHeads = Key("ssm.group_count");
        int valueHeads = Key("ssm.time_step_rank");
        int width = Key("ssm.state_size");
        double[][] qkv = Convolve(block, Matrix(block + "attn_qkv.weight").Multiply(h));
        double[][] gate = Matrix(block + "attn_gate.weight").Multiply(h);
        double[][] alpha = Matrix(block + "ssm_alpha.weight").Multiply(h);
        double[][] beta = Matrix(block + "ssm_beta.weight").Multiply(h);
        float[] a = Vector(block + "ssm_a");
        float[] dt = Vector(block + "ssm_dt.bias");
        float[] norm = Vector(block + "ssm_norm.weight");
        double[][] mixed = [.. h.Select(_ => new double[valueHeads * width])];
        Parallel.For(0, valueHeads, head =>
        {
            int keyHead = head % keyHeads;
            var state = new double[width, width]; // [key, value]
            for (int t = 0; t < h.Length; t++)
            {
                ReadOnlySpan<double> row = qkv[t];
                double[] q = Normalised(row.Slice(keyHead * width, width), 1 / Math.Sqrt(width));
                double[] k = Normalised(row.Slice((keyHeads + keyHead) * width, width), 1);
                var v = row.Slice((2 * keyHeads + head) * width, width);
                double decay = Math.Exp(a[head] * Softplus(alpha[t][head] + dt[head]));
                double[] o = Step(state, q, k, v, decay, Sigmoid(beta[t][head]));
                double[] normed = RmsNorm(o, norm, _epsilon);
                for (int i = 0; i < width; i++)
                {
                    mixed[t][head * width + i] = normed[i] * Silu(gate[t][head * width + i]);
                }
            }
        });
        return Matrix(block + "ssm_out.weight").Multiply(mixed);
    }

    /// <summary>S *= decay; d = beta (v - S^T k); S += k d^T; o = S^T q.</summary>
    private static double[] Step(
        double[,] state, double[] q, double[] k, ReadOnlySpan<double> v, double decay, double beta)
    {
        int width = q.Length;
        var output = new double[width];
        for (int j = 0; j < width; j++)
        {
            double recalled = 0;
            for (int i = 0; i < width; i++)
            {
                state[i, j] *= decay;
                recalled += state[i, j] * k[i];
            }
            double delta = beta * (v[j] - recalled);
            for (int i = 0; i < width; i++)
            {
                state[i, j] += k[i] * delta;
                output[j] += state[i, j] * q[i];
            }
        }
        return output;
    }

    /// <summary>y_t = SiLU(sum_j w[c][j] x_(t - taps + 1 + j)), every channel by itself.</summary>
    private double[][] Convolve(string block, double[][] x)
    {
        var kernel = Matrix(block + "ssm_conv1d.weight");
        int taps = kernel.Columns;
        var y = new double[x.Length][];
        for (int t = 0; t < x.Length; t++)
        {
            y[t] = new double[kernel.Rows];
            for (int c = 0; c < kernel.Rows; c++)
            {
                double sum = 0;
                for (int j = Math.Max(0, taps - 1 - t); j < taps; j++)
                {
                    sum += kernel.Row(c)[j] * x[t - taps + 1 + j][c];
                }
                y[t][c] = Silu(sum);
            }
        }
        return y;
    }

    private double[] Normalised(ReadOnlySpan<double> x, double scale)
    {
        double factor = scale / Math.Sqrt(Dot(x, x) + _epsilon);
        var y = new double[x.Length];
        for (int i = 0; i < x.Length; i++)
        {
            y[i] = x[i] * factor;
        }
        return y;
    }
}
