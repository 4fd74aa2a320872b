using MetalMoe.Core.Runtime.Sampling;

namespace MetalMoe.Core.Tests.Runtime.Sampling;

/// <summary>The documented steps, one list operation each, in double.</summary>
internal static class NaiveSampler
{
    /// <summary>Probability of every token [V].</summary>
    public static double[] Distribution(
        SamplingOptions o, ReadOnlySpan<float> logits, IReadOnlyList<int> history)
    {
        double[] l = Penalised(o, logits, history);
        List<int> order = [.. Enumerable.Range(0, l.Length).OrderByDescending(i => l[i])];
        order.RemoveAll(i => double.IsNegativeInfinity(l[i]));
        if (o.Temperature == 0)
        {
            var certain = new double[l.Length];
            certain[order[0]] = 1;
            return certain;
        }
        if (o.TopK > 0)
        {
            order = [.. order.Take(o.TopK)];
        }
        order = TopP(o, l, order);
        double top = Softmax(l, order, 1)[0];
        double[] share = Softmax(l, order, 1);
        order = [.. order.Where((_, n) => share[n] >= o.MinP * top)];
        double[] p = Softmax(l, order, o.Temperature);
        var result = new double[l.Length];
        for (int n = 0; n < order.Count; n++)
        {
            result[order[n]] = p[n];
        }
        return result;
    }

    /// <summary>The token at point u of the cumulated distribution, in id order.</summary>
    public static int Draw(double[] distribution, double u)
    {
        double sum = 0;
        int last = 0;
        for (int i = 0; i < distribution.Length; i++)
        {
            sum += distribution[i];
            if (distribution[i] > 0)
            {
                last = i;
                if (u < sum)
                {
                    return i;
                }
            }
        }
        return last;
    }

    private static double[] Penalised(
        SamplingOptions o, ReadOnlySpan<float> logits, IReadOnlyList<int> history)
    {
        var result = new double[logits.Length];
        int[] window = [.. history.TakeLast(o.PenaltyWindow)];
        for (int i = 0; i < result.Length; i++)
        {
            // Rounded to binary32 after every step, as logits are.
            float l = logits[i] + o.LogitBias.GetValueOrDefault(i);
            int seen = window.Count(t => t == i);
            if (seen > 0)
            {
                l = l > 0 ? l / o.RepetitionPenalty : l * o.RepetitionPenalty;
                l = l - o.PresencePenalty - (o.FrequencyPenalty * seen);
            }
            result[i] = l;
        }
        return result;
    }

    private static List<int> TopP(SamplingOptions o, double[] l, List<int> order)
    {
        double[] p = Softmax(l, order, 1);
        double sum = 0;
        int kept = 0;
        while (kept < order.Count && (sum < o.TopP || o.TopP == 1))
        {
            sum += p[kept++];
        }
        return [.. order.Take(kept)];
    }

    private static double[] Softmax(double[] l, List<int> order, double temperature)
    {
        double max = order.Max(i => l[i]);
        double[] e = [.. order.Select(i => Math.Exp((l[i] - max) / temperature))];
        double total = e.Sum();
        return [.. e.Select(x => x / total)];
    }
}
