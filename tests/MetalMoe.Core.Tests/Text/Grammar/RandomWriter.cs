using System.Numerics;
using System.Text;
using MetalMoe.Core.Text.Grammar;

namespace MetalMoe.Core.Tests.Text.Grammar;

/// <summary>A model without taste: takes any allowed token, and after a while the one that most
/// likely leads to an end.</summary>
internal static class RandomWriter
{
    private const string Endings = "}]\"0123456789nulltruefalseabc-:.T, ";

    /// <summary>The text of a generation; null if it was not complete after the most tokens.
    /// </summary>
    public static string? Write(
        TokenMaskAutomaton automaton, TestVocabulary vocabulary, Random random,
        int freeTokens, int maxTokens)
    {
        var bytes = new List<byte>();
        var state = automaton.Start();
        for (int i = 0; i < maxTokens; i++)
        {
            var mask = automaton.AllowedTokens(state);
            int token = i < freeTokens ? Choose(mask, random) : Finish(mask, vocabulary, random);
            if (token == vocabulary.EndToken)
            {
                return new UTF8Encoding(false, true).GetString([.. bytes]);
            }
            bytes.AddRange(vocabulary.Tokens[token]);
            state = automaton.Advance(state, token);
        }
        return null;
    }

    public static bool Has(ReadOnlySpan<ulong> mask, int token) =>
        (mask[token >> 6] >> (token & 63) & 1) != 0;

    private static int Finish(ReadOnlySpan<ulong> mask, TestVocabulary vocabulary, Random random)
    {
        if (Has(mask, vocabulary.EndToken))
        {
            return vocabulary.EndToken;
        }
        foreach (char c in Endings)
        {
            // Any digit and not always the same one: bounds may forbid what repeats.
            int token = char.IsAsciiDigit(c) ? '0' + random.Next(10) : c;
            // Not always, or a pattern that wants a letter would get digits forever.
            if (Has(mask, token) && random.Next(5) > 0)
            {
                return token;
            }
        }
        return Choose(mask, random);
    }

    private static int Choose(ReadOnlySpan<ulong> mask, Random random)
    {
        int count = 0;
        foreach (ulong word in mask)
        {
            count += BitOperations.PopCount(word);
        }
        int chosen = random.Next(count);
        for (int i = 0; ; i++)
        {
            int here = BitOperations.PopCount(mask[i]);
            if (chosen < here)
            {
                ulong word = mask[i];
                for (; chosen > 0; chosen--)
                {
                    word &= word - 1;
                }
                return (i * 64) + BitOperations.TrailingZeroCount(word);
            }
            chosen -= here;
        }
    }
}
