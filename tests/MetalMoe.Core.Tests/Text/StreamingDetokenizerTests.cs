using System.Buffers;
using System.Text;
using MetalMoe.Core.Text;
using NUnit.Framework;

namespace MetalMoe.Core.Tests.Text;

public sealed class StreamingDetokenizerTests
{
    private static readonly Tokenizer Plain = SmallVocabulary.Build(
        [("a", "b"), ("\u00E9", "x")],
        [("<|x|>", TokenKind.Control), ("<think>", TokenKind.UserDefined)]);

    [Test]
    public void Pieces_joined_are_the_text_of_all_tokens_at_once()
    {
        var random = new Random(3);
        for (int round = 0; round < 2000; round++)
        {
            int[] tokens = [.. Enumerable.Range(0, random.Next(1, 40))
                .Select(_ => RandomToken(random))];
            var stream = Plain.CreateDetokenizer(includeControl: true);
            var text = new StringBuilder();
            foreach (int token in tokens)
            {
                string piece = stream.Append(token);
                Assert.That(IsWhole(piece), Is.True);
                text.Append(piece);
            }
            text.Append(stream.Flush());
            Assert.That(text.ToString(), Is.EqualTo(Plain.Decode(tokens)));
        }
    }

    [Test]
    public void Any_cutting_into_tokens_gives_the_same_text()
    {
        const string Text = "naïve 北京 👩‍👩‍👧 e\u0301 🇩🇪";
        byte[] bytes = Encoding.UTF8.GetBytes(Text);
        var random = new Random(4);
        for (int round = 0; round < 200; round++)
        {
            // Every cut of the bytes into tokens, made by a vocabulary that has those tokens.
            var pieces = new List<byte[]>();
            for (int start = 0; start < bytes.Length;)
            {
                int length = Math.Min(bytes.Length - start, random.Next(1, 7));
                pieces.Add(bytes[start..(start + length)]);
                start += length;
            }
            var tokenizer = WithTokens(pieces);
            var stream = tokenizer.CreateDetokenizer();
            var output = new ArrayBufferWriter<char>();
            foreach (byte[] piece in pieces)
            {
                stream.Append(tokenizer.Vocabulary.FindWord(piece), output);
            }
            Assert.That(stream.Flush(), Is.Empty);
            Assert.That(output.WrittenSpan.ToString(), Is.EqualTo(Text));
        }
    }

    [Test]
    public void A_character_appears_with_its_last_byte()
    {
        var stream = Plain.CreateDetokenizer();
        byte[] whale = Encoding.UTF8.GetBytes("🐋");
        string[] pieces = [.. whale.Select(b => stream.Append(Plain.Vocabulary.ByteToken(b)))];
        Assert.That(pieces, Is.EqualTo(new[] { "", "", "", "🐋" }));
    }

    [Test]
    public void An_unfinished_character_becomes_a_replacement_at_the_end()
    {
        var stream = Plain.CreateDetokenizer();
        Assert.That(stream.Append(Plain.Vocabulary.ByteToken(0xE2)), Is.Empty);
        Assert.That(stream.Append(Plain.Vocabulary.ByteToken(0x82)), Is.Empty);
        Assert.That(stream.Flush(), Is.EqualTo("\uFFFD"));
        Assert.That(stream.Append(Plain.Vocabulary.ByteToken((byte)'a')), Is.EqualTo("a"));
    }

    [Test]
    public void Control_tokens_are_skipped_unless_asked_for()
    {
        int control = Plain.Vocabulary.FindText("<|x|>")!.Value;
        int think = Plain.Vocabulary.FindText("<think>")!.Value;
        Assert.That(Plain.CreateDetokenizer().Append(control), Is.Empty);
        Assert.That(Plain.CreateDetokenizer().Append(think), Is.EqualTo("<think>"));
        Assert.That(Plain.CreateDetokenizer(includeControl: true).Append(control),
            Is.EqualTo("<|x|>"));
    }

    private static int RandomToken(Random random) => random.Next(3) == 0
        ? random.Next(Plain.Vocabulary.Count)
        : Plain.Vocabulary.ByteToken((byte)random.Next(0x80, 0x100));

    private static bool IsWhole(string piece)
    {
        for (int i = 0; i < piece.Length; i++)
        {
            if (char.IsHighSurrogate(piece[i]))
            {
                if (++i == piece.Length || !char.IsLowSurrogate(piece[i]))
                {
                    return false;
                }
            }
            else if (char.IsLowSurrogate(piece[i]))
            {
                return false;
            }
        }
        return true;
    }

    private static Tokenizer WithTokens(List<byte[]> pieces)
    {
        var source = SmallVocabulary.Source([]);
        var texts = pieces.Where(p => p.Length > 1)
            .Select(p => string.Concat(p.Select(b => SmallVocabulary.Letter(b)))).Distinct();
        return new Tokenizer(new Vocabulary(source with
        {
            Tokens = [.. source.Tokens, .. texts.Select(Encoding.UTF8.GetBytes)],
            TokenTypes = null,
        }));
    }
}
