namespace MetalMoe.Cli.Bench;

/// <summary>
/// Token ids to measure with. What they mean does not matter to speed; that they are spread over
/// the vocabulary does, since it spreads the tokens over the experts.
/// </summary>
internal static class RandomTokens
{
    /// <summary>The same ids for the same seed, on every machine.</summary>
    /// <param name="count">How many.</param>
    /// <param name="vocabularySize">V.</param>
    /// <param name="seed">Seed.</param>
    public static int[] Create(int count, int vocabularySize, ulong seed)
    {
        var tokens = new int[count];
        for (int i = 0; i < count; i++)
        {
            // SplitMix64 on a counter. Source: Steele, Lea and Flood, OOPSLA 2014.
            ulong z = seed + ((ulong)(i + 1) * 0x9E3779B97F4A7C15);
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
            tokens[i] = (int)((z ^ (z >> 31)) % (ulong)vocabularySize);
        }
        return tokens;
    }
}
