namespace MetalMoe.Oracle.Tests.Comparison;

/// <summary>What an engine computed for a sequence of T tokens.</summary>
/// <param name="Logits">[T][V].</param>
/// <param name="Routers">Router probabilities by layer, [T][E] each.</param>
/// <param name="ExpertsUsed">A: experts taken at each position.</param>
public sealed record EngineTrace(
    float[][] Logits, IReadOnlyDictionary<int, float[][]> Routers, int ExpertsUsed)
{
    /// <summary>The A most probable experts of a layer at a position, in any order.</summary>
    public HashSet<int> Experts(int layer, int position)
    {
        float[] p = Routers[layer][position];
        return [.. Enumerable.Range(0, p.Length)
            .OrderByDescending(e => p[e]).Take(ExpertsUsed)];
    }
}

/// <summary>How every engine is fed: a prompt in one piece, then the rest token by token.
/// </summary>
public static class Feeding
{
    /// <summary>Tokens of the prompt.</summary>
    public const int PromptLength = 200;

    /// <summary>Tokens decoded one by one after it.</summary>
    public const int DecodedLength = 50;

    /// <summary>T.</summary>
    public const int TotalLength = PromptLength + DecodedLength;

    /// <summary>(first, count) of every step.</summary>
    public static IEnumerable<(int First, int Count)> Steps(int tokens)
    {
        int prompt = Math.Min(PromptLength, tokens);
        yield return (0, prompt);
        for (int position = prompt; position < tokens; position++)
        {
            yield return (position, 1);
        }
    }
}
