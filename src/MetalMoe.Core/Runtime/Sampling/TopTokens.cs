namespace MetalMoe.Core.Runtime.Sampling;

/// <summary>The largest logits of a row.</summary>
public static class TopTokens
{
    /// <summary>
    /// Fills <paramref name="best"/> with the tokens of the largest logits, largest first, on a
    /// tie the lower id. One pass over the logits.
    /// </summary>
    /// <param name="logits">Logits [V].</param>
    /// <param name="best">At most V entries.</param>
    public static void Select(ReadOnlySpan<float> logits, Span<int> best)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(best.Length, logits.Length);
        if (best.IsEmpty)
        {
            return;
        }
        CandidateHeap.SelectBest(logits, best);
        CandidateHeap.Build(logits, best);
        for (int left = best.Length; left > 1; left--)
        {
            CandidateHeap.Pop(logits, best[..left]);
        }
        best.Reverse();
    }
}
