namespace MetalMoe.Cpu.Tests.Kernels;

/// <summary>
/// Causal convolution, gated delta rule and gated norm of one sequence in plain double
/// precision, token by token.
/// </summary>
internal sealed record GdnReference(
    int KeyHeads, int ValueHeads, int Dim, int Taps, double Epsilon, double[] Kernel, double[] A,
    double[] DtBias, double[] Norm)
{
    private int Channels => ((2 * KeyHeads) + ValueHeads) * Dim;

    public double[] Run(
        double[] input, double[] alpha, double[] beta, double[] gate, int tokens)
    {
        var output = new double[tokens * ValueHeads * Dim];
        var states = new double[ValueHeads][,];
        for (int h = 0; h < ValueHeads; h++)
        {
            states[h] = new double[Dim, Dim];
        }
        for (int t = 0; t < tokens; t++)
        {
            double[] convolved = Convolve(input, t);
            for (int h = 0; h < ValueHeads; h++)
            {
                double[] q = Unit(Head(convolved, h % KeyHeads), 1 / Math.Sqrt(Dim));
                double[] k = Unit(Head(convolved, KeyHeads + (h % KeyHeads)), 1);
                double[] v = Head(convolved, (2 * KeyHeads) + h);
                int index = (t * ValueHeads) + h;
                double decay = Math.Exp(A[h] * Math.Log(1 + Math.Exp(alpha[index] + DtBias[h])));
                double[] o = Step(states[h], q, k, v, decay, Sigmoid(beta[index]));
                double scale = 1 / Math.Sqrt((o.Sum(x => x * x) / Dim) + Epsilon);
                for (int i = 0; i < Dim; i++)
                {
                    double z = gate[(index * Dim) + i];
                    output[(index * Dim) + i] = o[i] * scale * Norm[i] * z * Sigmoid(z);
                }
            }
        }
        return output;
    }

    private static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));

    private double[] Convolve(double[] input, int token)
    {
        var y = new double[Channels];
        for (int c = 0; c < Channels; c++)
        {
            for (int j = 0; j < Taps; j++)
            {
                int source = token + 1 + j - Taps;
                y[c] += source < 0 ? 0 : Kernel[(c * Taps) + j] * input[(source * Channels) + c];
            }
            y[c] *= Sigmoid(y[c]);
        }
        return y;
    }

    private double[] Step(
        double[,] s, double[] q, double[] k, double[] v, double decay, double beta)
    {
        var o = new double[Dim];
        for (int c = 0; c < Dim; c++)
        {
            double read = 0;
            for (int r = 0; r < Dim; r++)
            {
                s[r, c] *= decay;
                read += s[r, c] * k[r];
            }
            double correction = beta * (v[c] - read);
            for (int r = 0; r < Dim; r++)
            {
                s[r, c] += k[r] * correction;
                o[c] += s[r, c] * q[r];
            }
        }
        return o;
    }

    private double[] Unit(double[] x, double scale)
    {
        double factor = scale / Math.Sqrt(x.Sum(v => v * v) + Epsilon);
        return [.. x.Select(v => v * factor)];
    }

    private double[] Head(double[] row, int head) => row[(head * Dim)..((head + 1) * Dim)];
}
