using System.Text;
using MetalMoe.Core.Text;
using NUnit.Framework;

namespace MetalMoe.Core.Tests.Text;

public sealed class VocabularyTests
{
    private static readonly VocabularySource Good = SmallVocabulary.Source(
        [("a", "b"), ("ab", "c")], [("<|im_end|>", TokenKind.Control)]);

    private static IEnumerable<TestCaseData> Unusable()
    {
        yield return Case("another model", Good with { Model = "llama" }, "model");
        yield return Case("unknown pre", Good with { PreTokenizer = "tekken" }, "pre");
        yield return Case("no tokens", Good with { Tokens = [], TokenTypes = null }, "tokens");
        yield return Case("duplicate", Good with { Tokens = Replaced(65, "B") }, "tokens[66]");
        yield return Case("missing byte", Good with { Tokens = Replaced(65, "xyz") }, "tokens");
        yield return Case("not UTF-8", Good with
        {
            Tokens = [.. Good.Tokens.Take(258), [0xFF]],
        }, "tokens[258]");
        yield return Case("too few types", Good with { TokenTypes = [1, 1] }, "token_type");
        yield return Case("unknown type", Good with { TokenTypes = Types(7, 9) }, "token_type[7]");
        yield return Case("type zero", Good with { TokenTypes = Types(7, 0) }, "token_type[7]");
        yield return Case("byte token without a byte", Good with { TokenTypes = Types(257, 6) },
            "tokens[257]");
        yield return Case("merge without blank", Merged("ab"), "merges[0]");
        yield return Case("empty merge", Merged(""), "merges[0]");
        yield return Case("merge of nothing", Merged("a "), "merges[0]");
        yield return Case("unknown half", Merged("a nosuch"), "merges[0]");
        yield return Case("pair that is no token", Merged("a c"), "merges[0]");
        yield return Case("three halves", Merged("a b c"), "merges[0]");
        yield return Case("eos behind the end", Ids(("eos", 259)), "eos_token_id");
        yield return Case("bos negative", Ids(("bos", -1)), "bos_token_id");
        yield return Case("huge padding", Ids(("padding", long.MaxValue)), "padding_token_id");
        yield return Case("bos wanted but absent", Good with { AddBos = true }, "bos_token_id");
        yield return Case("eos wanted but absent", Good with { AddEos = true }, "eos_token_id");
        yield return Case("bos wanted by default",
            Good with { PreTokenizer = "llama-bpe" }, "bos_token_id");
    }

    [TestCaseSource(nameof(Unusable))]
    public void Unusable_vocabulary_is_refused_in_one_line_that_names_the_key(
        VocabularySource source, string key)
    {
        var error = Assert.Throws<VocabularyException>(() => _ = new Vocabulary(source))!;
        Assert.That(error.Key, Is.EqualTo("tokenizer.ggml." + key));
        Assert.That(error.Message, Does.StartWith($"[vocabulary] {error.Key}: expected ")
            .And.Contain(", got ").And.EndWith("(small)").And.Not.Contain('\n'));
    }

    [Test]
    public void Error_text_of_a_hostile_token_stays_one_short_line()
    {
        string text = new string('x', 5000) + "\n\r\0";
        byte[] hostile = Encoding.UTF8.GetBytes(text);
        var source = Good with
        {
            Tokens = [.. Good.Tokens.Take(257), hostile, hostile],
            TokenTypes = null,
            Merges = []
        };
        var error = Assert.Throws<VocabularyException>(() => _ = new Vocabulary(source))!;
        Assert.That(error.Message, Has.Length.LessThan(250));
        Assert.That(error.Message, Does.Not.Contain('\n').And.Not.Contain('\0'));
    }

    [Test]
    public void Tokens_stand_for_the_bytes_of_their_kind()
    {
        var vocabulary = new Vocabulary(SmallVocabulary.Source([("\u00C3", "\u00A9")],
        [
            ("<|Ġ|>", TokenKind.Control), ("<Ċ>", TokenKind.UserDefined),
            ("[PAD9]", TokenKind.Unused), ("<0x0A>", TokenKind.Byte), ("▁x", TokenKind.Normal),
        ]));
        string[] expected = ["é", "<|Ġ|>", "<Ċ>", "", "\n", "▁x"];
        for (int i = 0; i < expected.Length; i++)
        {
            string bytes = Encoding.UTF8.GetString(vocabulary.TokenBytes(256 + i));
            Assert.That(bytes, Is.EqualTo(expected[i]));
        }
        Assert.That(() => vocabulary.TokenBytes(262).Length,
            Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => vocabulary.TokenBytes(-1).Length,
            Throws.InstanceOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public void Names_make_tokens_end_a_generation_whatever_their_kind()
    {
        var source = SmallVocabulary.Source([],
        [
            ("<|im_end|>", TokenKind.Normal), ("<|eot_id|>", TokenKind.Control),
            ("<|fim_pad|>", TokenKind.UserDefined), ("<|fim_middle|>", TokenKind.UserDefined),
            ("plain", TokenKind.Normal), ("turn", TokenKind.Normal),
        ]) with
        { SpecialIds = new Dictionary<string, long> { ["eos"] = 260, ["eot"] = 261 } };
        var vocabulary = new Vocabulary(source);
        Assert.That(vocabulary.EndOfGenerationIds,
            Is.EqualTo(new[] { 256, 257, 258, 260, 261 }));
        Assert.That(vocabulary.KindOf(256), Is.EqualTo(TokenKind.Control));
        Assert.That(vocabulary.KindOf(259), Is.EqualTo(TokenKind.Control));
        Assert.That(vocabulary.KindOf(260), Is.EqualTo(TokenKind.Normal));
        Assert.That(vocabulary.EosId, Is.EqualTo(260));
    }

    [Test]
    public void End_mark_is_part_of_the_answer_where_a_family_has_its_own()
    {
        var vocabulary = new Vocabulary(SmallVocabulary.Source([],
        [
            ("<|end|>", TokenKind.Control), ("<|return|>", TokenKind.Control),
            ("<|call|>", TokenKind.Control),
        ]));
        Assert.That(vocabulary.EndOfGenerationIds, Is.EqualTo(new[] { 257, 258 }));
        Assert.That(vocabulary.KindOf(256), Is.EqualTo(TokenKind.UserDefined));
    }

    [Test]
    public void Empty_token_gets_a_name()
    {
        var source = SmallVocabulary.Source([]);
        var vocabulary = new Vocabulary(source with
        {
            Tokens = [.. source.Tokens, []],
            TokenTypes = null,
        });
        Assert.That(vocabulary.TokenText(256), Is.EqualTo("[EMPTY_256]"));
    }

    private static TestCaseData Case(string name, VocabularySource source, string key) =>
        new TestCaseData(source, key).SetArgDisplayNames(name);

    private static List<byte[]> Replaced(int index, string text) =>
        [.. Good.Tokens.Select((t, i) => i == index ? Encoding.UTF8.GetBytes(text) : t)];

    private static int[] Types(int index, int type)
    {
        int[] types = [.. Good.TokenTypes!];
        types[index] = type;
        return types;
    }

    private static VocabularySource Merged(string merge) =>
        Good with { Merges = [Encoding.UTF8.GetBytes(merge)] };

    private static VocabularySource Ids(params (string Role, long Id)[] ids) =>
        Good with { SpecialIds = ids.ToDictionary(x => x.Role, x => x.Id) };
}
