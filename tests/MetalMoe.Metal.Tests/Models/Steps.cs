using MetalMoe.Core.Runtime;

namespace MetalMoe.Metal.Tests.Models;

/// <summary>Feeding executors.</summary>
internal static class Steps
{
    /// <summary>Logits [T][V] of a sequence fed into slot 0 in steps of these lengths.</summary>
    public static float[][] Logits(IExecutor executor, int[] tokens, params int[] lengths)
    {
        var batch = new StepBatch();
        var logits = new List<float[]>();
        executor.ResetSlot(0);
        foreach (int length in lengths)
        {
            batch.Clear();
            batch.Add(0, logits.Count, tokens.AsSpan(logits.Count, length), LogitsMode.All);
            executor.Execute(batch, CancellationToken.None);
            for (int i = 0; i < length; i++)
            {
                logits.Add(executor.GetLogits(i).ToArray());
            }
        }
        return [.. logits];
    }

    /// <summary>Greedy continuation of a prompt in slot 0.</summary>
    public static int[] Greedy(IExecutor executor, int[] prompt, int count)
    {
        var batch = new StepBatch();
        var answer = new List<int>();
        executor.ResetSlot(0);
        int[] next = prompt;
        int position = 0;
        while (answer.Count < count)
        {
            batch.Clear();
            batch.Add(0, position, next, LogitsMode.Last);
            executor.Execute(batch, CancellationToken.None);
            position += next.Length;
            answer.Add(Largest(executor.GetLogits(0)));
            next = [answer[^1]];
        }
        return [.. answer];
    }

    /// <summary>The largest distance of two rows of logits.</summary>
    public static float Distance(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        float largest = 0;
        for (int i = 0; i < a.Length; i++)
        {
            // Not Math.Max: a NaN must not look like a small distance.
            float distance = Math.Abs(a[i] - b[i]);
            largest = distance <= largest ? largest : distance;
        }
        return largest;
    }

    private static int Largest(ReadOnlySpan<float> logits)
    {
        int largest = 0;
        for (int i = 1; i < logits.Length; i++)
        {
            largest = logits[i] > logits[largest] ? i : largest;
        }
        return largest;
    }
}
