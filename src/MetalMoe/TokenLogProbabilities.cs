using MetalMoe.Core.Runtime.Sampling;

namespace MetalMoe;

/// <summary>A token and the natural logarithm of its probability.</summary>
public readonly record struct TokenLogProbability(int TokenId, float LogProbability);

/// <summary>How likely the model held a token, and what it held likelier or as likely.</summary>
/// <param name="Chosen">Natural logarithm of the probability of the token that was chosen.</param>
/// <param name="Top">The most likely tokens, largest first, on a tie the lower id.</param>
public sealed record TokenLogProbabilities(
    float Chosen, IReadOnlyList<TokenLogProbability> Top)
{
    /// <summary>Reads both from logits [V].</summary>
    internal static TokenLogProbabilities Of(ReadOnlySpan<float> logits, int chosen, int count)
    {
        float max = logits[Sampler.Argmax(logits)];
        double sum = 0;
        foreach (float logit in logits)
        {
            sum += Math.Exp(logit - max);
        }
        double normaliser = max + Math.Log(sum);
        Span<int> best = stackalloc int[Math.Min(count, logits.Length)];
        TopTokens.Select(logits, best);
        var top = new TokenLogProbability[best.Length];
        for (int i = 0; i < top.Length; i++)
        {
            top[i] = new(best[i], (float)(logits[best[i]] - normaliser));
        }
        return new((float)(logits[chosen] - normaliser), top);
    }
}
