using System.Text;
using MetalMoe.Core.Text;

namespace MetalMoe.Core.Tests.Text;

/// <summary>Vocabularies small enough to reason about: 256 bytes, then what a test adds.</summary>
internal static class SmallVocabulary
{
    /// <summary>The character that stands for a byte, by the published GPT-2 rule.</summary>
    public static string Letter(int value)
    {
        bool printable = value is (>= 33 and <= 126) or (>= 161 and <= 172) or >= 174;
        int shifted = value < 33 ? value : value < 161 ? value - 94 : 67;
        return ((char)(printable ? value : 256 + shifted)).ToString();
    }

    /// <summary>Bytes, written as the characters U+0000 to U+00FF, in the byte alphabet.
    /// </summary>
    public static string Letters(string bytes) => string.Concat(bytes.Select(b => Letter(b)));

    /// <summary>Bytes 0 to 255 by id, then one token for each merge, then the special ones.
    /// </summary>
    /// <param name="merges">Pairs of byte strings (see <see cref="Letters"/>), by rank.</param>
    /// <param name="special">Further tokens and their kinds.</param>
    /// <param name="preTokenizer">The value of <c>tokenizer.ggml.pre</c>.</param>
    public static VocabularySource Source(
        (string Left, string Right)[] merges,
        (string Text, TokenKind Kind)[]? special = null,
        string preTokenizer = "qwen35")
    {
        var tokens = Enumerable.Range(0, 256).Select(Letter)
            .Concat(merges.Select(m => Letters(m.Left + m.Right)).Distinct()).ToList();
        var kinds = tokens.Select(_ => (int)TokenKind.Normal).ToList();
        foreach (var (text, kind) in special ?? [])
        {
            tokens.Add(text);
            kinds.Add((int)kind);
        }
        return new VocabularySource
        {
            File = "small",
            Model = "gpt2",
            PreTokenizer = preTokenizer,
            Tokens = [.. tokens.Select(Encoding.UTF8.GetBytes)],
            Merges = [.. merges.Select(
                m => Encoding.UTF8.GetBytes($"{Letters(m.Left)} {Letters(m.Right)}"))],
            TokenTypes = kinds,
        };
    }

    public static Tokenizer Build(
        (string Left, string Right)[] merges,
        (string Text, TokenKind Kind)[]? special = null,
        string preTokenizer = "qwen35") =>
        new(new Vocabulary(Source(merges, special, preTokenizer)));

    /// <summary>Each token's text, for readable expectations.</summary>
    public static string[] Pieces(Tokenizer tokenizer, IEnumerable<int> tokens) =>
        [.. tokens.Select(t => Encoding.UTF8.GetString(tokenizer.TokenBytes(t)))];
}
