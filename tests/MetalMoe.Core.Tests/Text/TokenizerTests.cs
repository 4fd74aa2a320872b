using System.Text;
using MetalMoe.Core.Text;
using NUnit.Framework;

namespace MetalMoe.Core.Tests.Text;

public sealed class TokenizerTests
{
    [Test]
    public void Lowest_rank_merges_first_and_of_equal_pairs_the_leftmost()
    {
        var tokenizer = SmallVocabulary.Build([("b", "c"), ("a", "b"), ("a", "a")]);
        Assert.That(Pieces(tokenizer, "abc"), Is.EqualTo(new[] { "a", "bc" }));
        Assert.That(Pieces(tokenizer, "aab"), Is.EqualTo(new[] { "a", "ab" }));
        Assert.That(Pieces(tokenizer, "aaa"), Is.EqualTo(new[] { "aa", "a" }));
    }

    [Test]
    public void Merging_equals_a_plain_search_for_the_best_pair_again_and_again()
    {
        var random = new Random(5);
        for (int round = 0; round < 40; round++)
        {
            var merges = RandomMerges(random);
            var tokenizer = SmallVocabulary.Build(merges);
            var ranks = merges.Select((m, i) => (m, i)).ToDictionary(x => x.m, x => x.i);
            for (int i = 0; i < 200; i++)
            {
                string word = string.Concat(
                    Enumerable.Range(0, random.Next(1, 40)).Select(_ => "abc"[random.Next(3)]));
                Assert.That(Pieces(tokenizer, word), Is.EqualTo(MergePlainly(word, ranks)), word);
                // A second time, when whole words are known.
                Assert.That(Pieces(tokenizer, word), Is.EqualTo(MergePlainly(word, ranks)), word);
            }
        }
    }

    [Test]
    public void A_word_that_is_a_token_is_built_by_merges_unless_the_family_takes_it_whole()
    {
        (string, string)[] merges = [("a", "b"), ("b", "c"), ("a", "bc")];
        string[] merged = ["ab", "c"];
        Assert.That(Pieces(SmallVocabulary.Build(merges), "abc"), Is.EqualTo(merged));
        var source = SmallVocabulary.Source(merges, null, "llama-bpe");
        var whole = new Tokenizer(new Vocabulary(source with { AddBos = false }));
        Assert.That(Pieces(whole, "abc"), Is.EqualTo(new[] { "abc" }));
    }

    [TestCase("<think>b<|x|>", false, new[] { "<think>", "b", "<", "|", "x", "|", ">" })]
    [TestCase("a<think>b<|x|>c", true, new[] { "a", "<think>", "b", "<|x|>", "c" })]
    [TestCase("<|x|><|x|>", true, new[] { "<|x|>", "<|x|>" })]
    [TestCase("<|x|", true, new[] { "<", "|", "x", "|" })]
    [TestCase("", true, new string[0])]
    public void Control_tokens_are_read_only_when_asked_for(
        string text, bool parseSpecial, string[] expected)
    {
        var tokenizer = SmallVocabulary.Build(
            [], [("<think>", TokenKind.UserDefined), ("<|x|>", TokenKind.Control)]);
        var pieces = SmallVocabulary.Pieces(tokenizer, tokenizer.Encode(text, parseSpecial));
        Assert.That(pieces, Is.EqualTo(expected));
    }

    [TestCase("[a][a]b]", new[] { "[a]", "[a]b]" })]
    [TestCase("x[a]b]", new[] { "x", "[a]b]" })]
    [TestCase("]b][a]b]", new[] { "]b]", "[a]b]" })]
    [TestCase("[a]b]b]", new[] { "[a]b]", "b", "]" })]
    public void Longest_special_token_wins_wherever_it_stands(string text, string[] expected)
    {
        var tokenizer = SmallVocabulary.Build([],
        [
            ("[a]", TokenKind.UserDefined), ("]b]", TokenKind.UserDefined),
            ("[a]b]", TokenKind.UserDefined),
        ]);
        Assert.That(Pieces(tokenizer, text), Is.EqualTo(expected));
    }

    [Test]
    public void White_space_beside_a_stripping_token_is_swallowed()
    {
        var source = SmallVocabulary.Source(
            [], [("<mask>", TokenKind.UserDefined)], "jina-v2-de");
        var left = new Tokenizer(new Vocabulary(source));
        Assert.That(Pieces(left, "a \n<mask> b"), Is.EqualTo(new[] { "a", "<mask>", " ", "b" }));
        source = SmallVocabulary.Source([], [("<|user|>", TokenKind.UserDefined)])
            with
        { ModelName = "Phi-3 mini" };
        var right = new Tokenizer(new Vocabulary(source));
        Assert.That(Pieces(right, "a <|user|> \nb"),
            Is.EqualTo(new[] { "a", " ", "<|user|>", "b" }));
    }

    [Test]
    public void Bos_and_eos_are_added_only_when_asked_for_and_wanted()
    {
        var source = SmallVocabulary.Source([], [("<s>", TokenKind.Control)]) with
        {
            SpecialIds = new Dictionary<string, long> { ["bos"] = 256, ["eos"] = 65 },
        };
        int[] bare = [97];
        int[] framed = [256, 97, 65];
        var silent = new Tokenizer(new Vocabulary(source));
        Assert.That(silent.Encode("a", addSpecial: true), Is.EqualTo(bare));
        var adding = new Tokenizer(new Vocabulary(source with { AddBos = true, AddEos = true }));
        Assert.That(adding.Encode("a", addSpecial: true), Is.EqualTo(framed));
        Assert.That(adding.Encode("a"), Is.EqualTo(bare));
    }

    [TestCase(new byte[] { 0x61, 0x80, 0x62 }, "a\uFFFDb")]
    [TestCase(new byte[] { 0xE2, 0x82 }, "\uFFFD\uFFFD")]
    [TestCase(new byte[] { 0xC0, 0x80 }, "\0")]
    [TestCase(new byte[] { 0xE0, 0x81, 0x81 }, "A")]
    [TestCase(new byte[] { 0xF4, 0x90, 0x80, 0x80 }, "\uFFFD\uFFFD\uFFFD\uFFFD")]
    [TestCase(new byte[] { 0xFF, 0xC3 }, "\uFFFD\uFFFD")]
    public void Broken_utf8_reads_as_replacement_characters(byte[] text, string expected)
    {
        var tokenizer = SmallVocabulary.Build([]);
        var tokens = new List<int>();
        tokenizer.Encode(text, tokens);
        Assert.That(tokenizer.Decode([.. tokens]), Is.EqualTo(expected));
    }

    [Test]
    public void Encoded_surrogate_stays_as_it_is()
    {
        var tokenizer = SmallVocabulary.Build([]);
        byte[] text = [0xED, 0xA0, 0x80];
        var tokens = new List<int>();
        tokenizer.Encode(text, tokens);
        Assert.That(tokenizer.DecodeToBytes([.. tokens]), Is.EqualTo(text));
    }

    [Test]
    public void Lone_surrogate_of_utf16_reads_as_replacement_character()
    {
        var tokenizer = SmallVocabulary.Build([]);
        Assert.That(tokenizer.Decode(tokenizer.Encode("a\uD800b")), Is.EqualTo("a\uFFFDb"));
    }

    [Test]
    public void Control_tokens_are_left_out_of_text_when_not_wanted()
    {
        var tokenizer = SmallVocabulary.Build(
            [], [("<|x|>", TokenKind.Control), ("<think>", TokenKind.UserDefined)]);
        int[] tokens = [97, 256, 257, 98];
        Assert.That(tokenizer.Decode(tokens, includeControl: false), Is.EqualTo("a<think>b"));
        Assert.That(tokenizer.Decode(tokens), Is.EqualTo("a<|x|><think>b"));
    }

    private static string[] Pieces(Tokenizer tokenizer, string text) =>
        SmallVocabulary.Pieces(tokenizer, tokenizer.Encode(text));

    private static (string Left, string Right)[] RandomMerges(Random random)
    {
        var parts = new List<string> { "a", "b", "c" };
        var merges = new List<(string, string)>();
        for (int i = 0; i < 30; i++)
        {
            var pair = (parts[random.Next(parts.Count)], parts[random.Next(parts.Count)]);
            if (!merges.Contains(pair))
            {
                merges.Add(pair);
                parts.Add(pair.Item1 + pair.Item2);
            }
        }
        return [.. merges];
    }

    private static List<string> MergePlainly(
        string word, Dictionary<(string, string), int> ranks)
    {
        var parts = word.Select(c => c.ToString()).ToList();
        while (true)
        {
            int best = -1;
            int bestRank = int.MaxValue;
            for (int i = 0; i + 1 < parts.Count; i++)
            {
                if (ranks.TryGetValue((parts[i], parts[i + 1]), out int rank) && rank < bestRank)
                {
                    (best, bestRank) = (i, rank);
                }
            }
            if (best < 0)
            {
                return parts;
            }
            parts[best] += parts[best + 1];
            parts.RemoveAt(best + 1);
        }
    }
}
