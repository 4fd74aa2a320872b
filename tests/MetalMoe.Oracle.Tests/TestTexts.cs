using System.Text;
using MetalMoe.Oracle.Tests.LlamaCpp;

namespace MetalMoe.Oracle.Tests;

/// <summary>Token sequences that the comparisons run on.</summary>
public static class TestTexts
{
    /// <summary>The first tokens of Moby Dick in a model's own vocabulary.</summary>
    public static int[] MobyDickTokens(string modelPath, int count)
    {
        using var model = LlamaModel.Load(modelPath, vocabularyOnly: true);
        // A token has at most a few dozen bytes, and English text takes about four.
        string text = Peers.MobyDick();
        int bytes = Math.Min(text.Length, count * 8);
        int[] tokens = model.Tokenize(
            Encoding.UTF8.GetBytes(text[..bytes]), addSpecial: false, parseSpecial: false);
        return tokens[..count];
    }

    /// <summary>Ids drawn evenly from a vocabulary, the same for the same seed.</summary>
    public static int[] RandomTokens(int vocabularySize, int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.Next(vocabularySize))];
    }
}
