using MetalMoe.Core.Runtime.Sampling;

namespace MetalMoe.Metal.Tests.Sampling;

/// <summary>The sampler by its definition, in double precision, with a full sort.</summary>
internal static class SampleReference
{
    /// <summary>Candidates that remain, best first, and their weights before the draw.</summary>
    public static List<(int Token, double Weight)> Candidates(
        float[] logits, SamplingOptions options, IReadOnlyList<int> history)
    {
        double[] adjusted = Penalise(logits, options, history);
        int[] order = [.. Enumerable.Range(0, logits.Length)
            .OrderByDescending(t => adjusted[t]).ThenBy(t => t)];
        if (options.Temperature == 0)
        {
            return [(order[0], 1)];
        }
        double best = adjusted[order[0]];
        List<int> kept = [.. order.Take(options.TopK)];
        double total = kept.Sum(t => Math.Exp(adjusted[t] - best));
        var chosen = new List<(int, double)>();
        double sum = 0;
        foreach (int token in kept)
        {
            double share = Math.Exp(adjusted[token] - best);
            if (share == 0 || share < options.MinP
                || (options.TopP < 1 && sum >= options.TopP * total))
            {
                break;
            }
            sum += share;
            chosen.Add((token, Math.Exp((adjusted[token] - best) / options.Temperature)));
        }
        return chosen;
    }

    /// <summary>The candidate that a point in [0, 1) of the weights falls on.</summary>
    public static int Draw(List<(int Token, double Weight)> candidates, double point)
    {
        double rest = point * candidates.Sum(c => c.Weight);
        foreach (var (token, weight) in candidates)
        {
            rest -= weight;
            if (rest < 0)
            {
                return token;
            }
        }
        return candidates[^1].Token;
    }

    /// <summary>First word of Philox4x32-10 at a counter and key, as a number in [0, 1).
    /// </summary>
    public static double Uniform(uint draw, ulong seed) =>
        (Philox([draw, 0, 0, 0], (uint)seed, (uint)(seed >> 32))[0] >> 8) / 16777216.0;

    public static uint[] Philox(uint[] counter, uint key0, uint key1)
    {
        var (a, b, c, d) = (counter[0], counter[1], counter[2], counter[3]);
        for (int round = 0; round < 10; round++)
        {
            ulong x = (ulong)a * 0xD2511F53;
            ulong y = (ulong)c * 0xCD9E8D57;
            (a, b, c, d) = ((uint)(y >> 32) ^ b ^ key0, (uint)y, (uint)(x >> 32) ^ d ^ key1,
                (uint)x);
            key0 = unchecked(key0 + 0x9E3779B9);
            key1 = unchecked(key1 + 0xBB67AE85);
        }
        return [a, b, c, d];
    }

    private static double[] Penalise(
        float[] logits, SamplingOptions options, IReadOnlyList<int> history)
    {
        double[] adjusted = Array.ConvertAll(logits, x => (double)x);
        var window = history.TakeLast(options.PenaltyWindow).GroupBy(t => t);
        foreach (var token in window)
        {
            double logit = logits[token.Key];
            logit = logit > 0
                ? logit / options.RepetitionPenalty : logit * options.RepetitionPenalty;
            adjusted[token.Key] = logit - options.PresencePenalty
                - (options.FrequencyPenalty * (double)token.Count());
        }
        return adjusted;
    }
}
