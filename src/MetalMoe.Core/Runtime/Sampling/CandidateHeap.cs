namespace MetalMoe.Core.Runtime.Sampling;

/// <summary>
/// Binary heap of token ids ordered by their logits, in an array of the caller. "Better" is a
/// larger logit, on a tie the lower id, so that every selection has one answer.
/// </summary>
internal static class CandidateHeap
{
    /// <summary>True when token a comes before token b.</summary>
    public static bool IsBetter(ReadOnlySpan<float> logits, int a, int b) =>
        logits[a] > logits[b] || (logits[a] == logits[b] && a < b);

    /// <summary>
    /// Leaves the <c>best.Length</c> best tokens in <paramref name="best"/>, in heap order with
    /// the worst first. One pass; most tokens cost one comparison.
    /// </summary>
    public static void SelectBest(ReadOnlySpan<float> logits, Span<int> best)
    {
        for (int i = 0; i < best.Length; i++)
        {
            best[i] = i;
        }
        for (int i = (best.Length / 2) - 1; i >= 0; i--)
        {
            SiftDown(logits, best, i, worstFirst: true);
        }
        float worst = logits[best[0]];
        for (int token = best.Length; token < logits.Length; token++)
        {
            // A later token has a higher id: it must be strictly larger to come before.
            if (logits[token] > worst)
            {
                best[0] = token;
                SiftDown(logits, best, 0, worstFirst: true);
                worst = logits[best[0]];
            }
        }
    }

    /// <summary>Puts the best token first.</summary>
    public static void Build(ReadOnlySpan<float> logits, Span<int> heap)
    {
        for (int i = (heap.Length / 2) - 1; i >= 0; i--)
        {
            SiftDown(logits, heap, i, worstFirst: false);
        }
    }

    /// <summary>Moves the best token to the end of the span; the heap shrinks by one.</summary>
    public static int Pop(ReadOnlySpan<float> logits, Span<int> heap)
    {
        int best = heap[0];
        heap[0] = heap[^1];
        heap[^1] = best;
        SiftDown(logits, heap[..^1], 0, worstFirst: false);
        return best;
    }

    private static void SiftDown(
        ReadOnlySpan<float> logits, Span<int> heap, int i, bool worstFirst)
    {
        while ((2 * i) + 1 < heap.Length)
        {
            int child = (2 * i) + 1;
            int other = child + 1;
            if (other < heap.Length
                && IsBetter(logits, heap[other], heap[child]) != worstFirst)
            {
                child = other;
            }
            if (IsBetter(logits, heap[child], heap[i]) == worstFirst)
            {
                return;
            }
            (heap[i], heap[child]) = (heap[child], heap[i]);
            i = child;
        }
    }
}
