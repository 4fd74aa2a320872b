using MetalMoe.Cli.Bench;

namespace MetalMoe.Cli.Compare;

/// <summary>
/// How alike two engines are token by token, both fed the first one's greedy continuation.
/// </summary>
/// <param name="Positions">Positions compared.</param>
/// <param name="Agreed">Where both would take the same token.</param>
/// <param name="AgreedFromStart">How many of these in a row from the start: as long as this, two
/// greedy texts are the same.</param>
/// <param name="KlMedian">Median divergence of the second distribution from the first, nats.
/// </param>
/// <param name="KlMax">Largest of these.</param>
/// <param name="LogitDifferenceMax">Largest difference of a logit.</param>
internal sealed record TokenParity(
    int Positions, int Agreed, int AgreedFromStart, double KlMedian, double KlMax,
    double LogitDifferenceMax)
{
    /// <summary>Runs both engines in step.</summary>
    /// <param name="ours">The engine that chooses the tokens.</param>
    /// <param name="peer">The engine compared with it; it needs the same vocabulary.</param>
    /// <param name="prompt">Tokens before the first compared position, at least one.</param>
    /// <param name="positions">Positions to compare, at least one.</param>
    /// <param name="cancellationToken">Stops between two tokens.</param>
    public static TokenParity Measure(
        IComparedEngine ours, IComparedEngine peer, ReadOnlySpan<int> prompt, int positions,
        CancellationToken cancellationToken)
    {
        ours.Reset();
        peer.Reset();
        ours.Append(prompt, cancellationToken);
        peer.Append(prompt, cancellationToken);
        int agreed = 0;
        int inARow = 0;
        double difference = 0;
        var divergences = new double[positions];
        for (int i = 0; i < positions; i++)
        {
            ReadOnlySpan<float> p = ours.Logits;
            ReadOnlySpan<float> q = peer.Logits;
            int token = Largest(p);
            bool same = token == Largest(q);
            inARow += same && inARow == i ? 1 : 0;
            agreed += same ? 1 : 0;
            divergences[i] = KullbackLeibler(p, q);
            difference = Math.Max(difference, LargestDifference(p, q));
            if (i + 1 < positions)
            {
                ours.Append([token], cancellationToken);
                peer.Append([token], cancellationToken);
            }
        }
        Spread kl = Spread.Of(divergences);
        return new TokenParity(positions, agreed, inARow, kl.Median, kl.Max, difference);
    }

    /// <summary>Sum over p (log p - log q) of the softmax of two rows of logits, nats.</summary>
    internal static double KullbackLeibler(ReadOnlySpan<float> p, ReadOnlySpan<float> q)
    {
        double logSumP = LogSumExp(p);
        double logSumQ = LogSumExp(q);
        double sum = 0;
        for (int i = 0; i < p.Length; i++)
        {
            double logP = p[i] - logSumP;
            double ratio = q[i] - logSumQ - logP;
            // q - p sums to zero; adding it makes every term positive and keeps small
            // divergences from drowning in cancellation.
            sum += Math.Exp(logP) * (ExpMinusOne(ratio) - ratio);
        }
        return sum;
    }

    private static double LogSumExp(ReadOnlySpan<float> x)
    {
        double max = x[Largest(x)];
        double sum = 0;
        foreach (float value in x)
        {
            sum += Math.Exp(value - max);
        }
        return max + Math.Log(sum);
    }

    /// <summary>e^x - 1 without cancellation near zero.</summary>
    private static double ExpMinusOne(double x) => Math.Abs(x) < 1e-4
        ? x * (1 + (x / 2 * (1 + (x / 3))))
        : Math.Exp(x) - 1;

    /// <summary>Index of the largest value, the first of several.</summary>
    private static int Largest(ReadOnlySpan<float> x)
    {
        int best = 0;
        for (int i = 1; i < x.Length; i++)
        {
            best = x[i] > x[best] ? i : best;
        }
        return best;
    }

    private static double LargestDifference(ReadOnlySpan<float> p, ReadOnlySpan<float> q)
    {
        double largest = 0;
        for (int i = 0; i < p.Length; i++)
        {
            double difference = Math.Abs((double)p[i] - q[i]);
            // A NaN must not hide behind a comparison that is false.
            largest = difference <= largest ? largest : difference;
        }
        return largest;
    }
}
