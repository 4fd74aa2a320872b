namespace MetalMoe.Cpu.Tests.Kernels;

/// <summary>Gated attention of one sequence in plain double precision.</summary>
internal sealed record AttentionReference(
    int Heads, int KvHeads, int Dim, int RopeDimensions, double RopeBase, double Epsilon,
    double Scale, double[] QueryNorm, double[] KeyNorm)
{
    /// <summary>Rows per token: queryGate [H * 2K], key and value [G * K] -> [H * K].</summary>
    public double[] Run(double[] queryGate, double[] key, double[] value, int tokens)
    {
        var output = new double[tokens * Heads * Dim];
        for (int t = 0; t < tokens; t++)
        {
            for (int h = 0; h < Heads; h++)
            {
                int g = h / (Heads / KvHeads);
                int row = ((t * Heads) + h) * 2 * Dim;
                double[] q = Rotate(Norm(queryGate[row..(row + Dim)], QueryNorm), t);
                var scores = new double[t + 1];
                for (int s = 0; s <= t; s++)
                {
                    double[] k = Rotate(Norm(Head(key, s, g), KeyNorm), s);
                    scores[s] = Scale * q.Zip(k, (a, b) => a * b).Sum();
                }
                double max = scores.Max();
                double[] p = [.. scores.Select(s => Math.Exp(s - max))];
                double sum = p.Sum();
                for (int i = 0; i < Dim; i++)
                {
                    double mixed = 0;
                    for (int s = 0; s <= t; s++)
                    {
                        mixed += p[s] / sum * Head(value, s, g)[i];
                    }
                    double gate = queryGate[row + Dim + i];
                    output[(((t * Heads) + h) * Dim) + i] = mixed / (1 + Math.Exp(-gate));
                }
            }
        }
        return output;
    }

    private double[] Head(double[] rows, int token, int head)
    {
        int start = ((token * KvHeads) + head) * Dim;
        return rows[start..(start + Dim)];
    }

    private double[] Norm(double[] x, double[] gamma)
    {
        double scale = 1 / Math.Sqrt((x.Sum(v => v * v) / x.Length) + Epsilon);
        return [.. x.Select((v, i) => v * scale * gamma[i])];
    }

    private double[] Rotate(double[] x, int position)
    {
        int pairs = RopeDimensions / 2;
        for (int i = 0; i < pairs; i++)
        {
            double angle = position * Math.Pow(RopeBase, -2.0 * i / RopeDimensions);
            double a = x[i];
            double b = x[i + pairs];
            x[i] = (a * Math.Cos(angle)) - (b * Math.Sin(angle));
            x[i + pairs] = (a * Math.Sin(angle)) + (b * Math.Cos(angle));
        }
        return x;
    }
}
