namespace MetalMoe.Oracle.Tests.Comparison;

/// <summary>
/// How far the logits of one engine are from another's, over all positions: the largest absolute
/// difference, and the Kullback-Leibler divergence of the next-token distributions in nats.
/// </summary>
public sealed record Divergence(double MaxAbsolute, double Median, double P99, double Max)
{
    /// <summary>Divergence of <paramref name="q"/> from <paramref name="p"/>, both [T][V].
    /// </summary>
    public static Divergence Of(IReadOnlyList<double[]> p, IReadOnlyList<double[]> q)
    {
        double largest = 0;
        var divergences = new double[p.Count];
        for (int t = 0; t < p.Count; t++)
        {
            for (int i = 0; i < p[t].Length; i++)
            {
                double difference = Math.Abs(p[t][i] - q[t][i]);
                // NaN must not hide behind a comparison that is false.
                largest = difference <= largest ? largest : difference;
            }
            divergences[t] = KullbackLeibler(p[t], q[t]);
        }
        Array.Sort(divergences);
        return new Divergence(
            largest, Quantile(divergences, 0.5), Quantile(divergences, 0.99), divergences[^1]);
    }

    /// <summary>Sum of p (log p - log q) for two rows of logits.</summary>
    public static double KullbackLeibler(ReadOnlySpan<double> p, ReadOnlySpan<double> q)
    {
        double logSumP = LogSumExp(p);
        double logSumQ = LogSumExp(q);
        double sum = 0;
        for (int i = 0; i < p.Length; i++)
        {
            double logP = p[i] - logSumP;
            // Adding q - p keeps the sum free of cancellation: both distributions sum to 1.
            double ratio = q[i] - logSumQ - logP;
            sum += Math.Exp(logP) * (ExpMinusOne(ratio) - ratio);
        }
        return sum;
    }

    /// <summary>log of the sum of e^x.</summary>
    public static double LogSumExp(ReadOnlySpan<double> x)
    {
        double max = double.NegativeInfinity;
        foreach (double value in x)
        {
            max = Math.Max(max, value);
        }
        double sum = 0;
        foreach (double value in x)
        {
            sum += Math.Exp(value - max);
        }
        return max + Math.Log(sum);
    }

    /// <summary>Logits widened to double.</summary>
    public static double[][] Widen(float[][] logits) =>
        [.. logits.Select(row => Array.ConvertAll(row, x => (double)x))];

    private static double ExpMinusOne(double x) =>
        Math.Abs(x) < 1e-4 ? x + x * x / 2 + x * x * x / 6 : Math.Exp(x) - 1;

    private static double Quantile(double[] sorted, double q) =>
        sorted[(int)Math.Round(q * (sorted.Length - 1))];
}
