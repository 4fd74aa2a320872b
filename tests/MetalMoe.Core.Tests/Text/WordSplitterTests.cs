using System.Text;
using System.Text.RegularExpressions;
using MetalMoe.Core.Text;
using NUnit.Framework;

namespace MetalMoe.Core.Tests.Text;

/// <summary>The hand-written matchers against the expressions they stand for.</summary>
public sealed partial class WordSplitterTests
{
    private static readonly string[] Pieces =
    [
        "'s", "'LL", "'re", "'x", "''", " ", "  ", "\t", "\r\n", "\n", "\n\n", " \n ",
        "\u00A0", "\u2003", "a", "Word", "é", "e\u0301", "\u0301", "\u0300\u0301", "北京",
        "ก็", "1", "123", "12345", "٣", "½", "!", "...", "-", "_", "$", "\u200D", "\0",
        "\u0085", "\v", "<|", "|>",
    ];

    [TestCase(nameof(PreTokenizerKind.Gpt2))]
    [TestCase(nameof(PreTokenizerKind.Llama3))]
    [TestCase(nameof(PreTokenizerKind.Qwen2))]
    [TestCase(nameof(PreTokenizerKind.Qwen35))]
    public void Splitting_equals_the_regular_expression(string name)
    {
        var kind = Enum.Parse<PreTokenizerKind>(name);
        var expression = kind switch
        {
            PreTokenizerKind.Gpt2 => Gpt2(),
            PreTokenizerKind.Llama3 => Llama3(),
            PreTokenizerKind.Qwen2 => Qwen2(),
            _ => Qwen35(),
        };
        var random = new Random(11);
        for (int i = 0; i < 20_000; i++)
        {
            string text = string.Concat(Enumerable.Range(0, random.Next(1, 12))
                .Select(_ => Pieces[random.Next(Pieces.Length)]));
            string[] expected = [.. expression.Matches(text).Select(m => m.Value)];
            Assert.That(string.Concat(expected), Is.EqualTo(text));
            Assert.That(Split(text, kind), Is.EqualTo(expected), Printable(text));
        }
    }

    [Test]
    public void Characters_newer_than_the_tables_of_the_models_are_no_letters()
    {
        Assert.That(CharacterClasses.Of(0x1C89), Is.EqualTo(CharacterClass.Other));
        Assert.That(CharacterClasses.Of(0x1C88), Is.EqualTo(CharacterClass.Letter));
        Assert.That(CharacterClasses.Of(0x10FFFF), Is.EqualTo(CharacterClass.Other));
        Assert.That(CharacterClasses.Of(0xD800), Is.EqualTo(CharacterClass.Other));
    }

    private static List<string> Split(string text, PreTokenizerKind kind)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(text);
        var words = new List<string>();
        for (int start = 0; start < utf8.Length;)
        {
            int end = WordSplitter.WordEnd(utf8, start, kind);
            words.Add(Encoding.UTF8.GetString(utf8, start, end - start));
            start = end;
        }
        return words;
    }

    private static string Printable(string text) =>
        string.Join(' ', text.Select(c => ((int)c).ToString("X4")));

    [GeneratedRegex(@"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+"
        + @"|\s+(?!\S)|\s+")]
    private static partial Regex Gpt2();

    [GeneratedRegex(@"'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]"
        + @"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
        + @"|\s+(?!\S)|\s+")]
    private static partial Regex Llama3();

    [GeneratedRegex(@"'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]"
        + @"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
        + @"|\s+(?!\S)|\s+")]
    private static partial Regex Qwen2();

    [GeneratedRegex(@"'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]"
        + @"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+"
        + @"|\s+(?!\S)|\s+")]
    private static partial Regex Qwen35();
}
