using System.Diagnostics;
using System.Globalization;
using System.Text;
using MetalMoe.Core.Text;
using NUnit.Framework;

namespace MetalMoe.Oracle.Tests.Text;

/// <summary>The same ids as llama.cpp, on its own test files and on everything else.</summary>
public sealed class TokenizerOracleTests
{
    private static readonly UTF8Encoding Strict = new(false, throwOnInvalidBytes: true);

    [OneTimeTearDown]
    public void Close() => VocabularyPair.CloseAll();

    [TestCase("qwen35")]
    [TestCase("qwen2")]
    [TestCase("gpt-2")]
    [TestCase("llama-bpe")]
    public void Vocabulary_test_file_gives_the_ids_written_beside_it(string name)
    {
        var pair = VocabularyPair.Open(name);
        string path = VocabularyPair.TestFile(name);
        string[] inputs = File.ReadAllText(path + ".inp").Split("\n__ggml_vocab_test__\n");
        string[] outputs = File.ReadAllText(path + ".out").TrimEnd('\n').Split('\n');
        Assert.That(outputs, Has.Length.GreaterThan(30));
        for (int i = 0; i < outputs.Length; i++)
        {
            int[] expected = [.. outputs[i]
                .Split(' ', StringSplitOptions.RemoveEmptyEntries)
                .Select(id => int.Parse(id, CultureInfo.InvariantCulture))];
            Assert.That(pair.Ours.Encode(inputs[i]), Is.EqualTo(expected), inputs[i]);
        }
        TestContext.Out.WriteLine($"{name}: {outputs.Length} texts");
    }

    [TestCaseSource(typeof(VocabularyPair), nameof(VocabularyPair.Names))]
    public void Random_text_gives_the_same_ids_and_comes_back(string name)
    {
        var pair = VocabularyPair.Open(name);
        int count = 20_000 / VocabularyPair.Names.Length * FuzzFactor();
        var texts = new RandomText(seed: 7 + Array.IndexOf(VocabularyPair.Names, name));
        long bytes = 0;
        int whole = 0;
        for (int i = 0; i < count; i++)
        {
            byte[] text = texts.Next();
            bytes += text.Length;
            foreach (bool parseSpecial in (ReadOnlySpan<bool>)[false, true])
            {
                int[] ours = pair.Encode(text, addSpecial: i % 2 == 0, parseSpecial);
                int[] theirs = pair.Theirs.Tokenize(text, addSpecial: i % 2 == 0, parseSpecial);
                if (!ours.AsSpan().SequenceEqual(theirs))
                {
                    Assert.Fail($"text {i}, parseSpecial {parseSpecial}: "
                        + $"{Convert.ToHexString(text)}: ours {string.Join(' ', ours)}, "
                        + $"llama.cpp {string.Join(' ', theirs)}");
                }
            }
            if (IsUtf8(text))
            {
                whole++;
                byte[] back = pair.Ours.DecodeToBytes(pair.Encode(text, false, i % 3 == 0));
                Assert.That(back, Is.EqualTo(text));
            }
        }
        TestContext.Out.WriteLine($"{name}: {count} random texts, {bytes} bytes, equal with and "
            + $"without parse_special; {whole} valid ones came back unchanged");
    }

    [TestCaseSource(typeof(VocabularyPair), nameof(VocabularyPair.Names))]
    public void Every_token_has_the_same_bytes_and_the_same_role(string name)
    {
        var pair = VocabularyPair.Open(name);
        int count = pair.Theirs.VocabularySize;
        Assert.That(pair.Ours.Vocabulary.Count, Is.EqualTo(count));
        for (int id = 0; id < count; id++)
        {
            bool plain = pair.Ours.Vocabulary.KindOf(id) == TokenKind.Normal;
            if (!SameBytes(pair, id, includeControl: true)
                || (!plain && !SameBytes(pair, id, includeControl: false)))
            {
                Assert.Fail($"token {id} '{pair.Ours.Vocabulary.TokenText(id)}'");
            }
        }
        int[] ends = [.. Enumerable.Range(0, count).Where(pair.Theirs.IsEndOfGeneration)];
        Assert.That(pair.Ours.Vocabulary.EndOfGenerationIds, Is.EqualTo(ends));
    }

    [TestCaseSource(typeof(VocabularyPair), nameof(VocabularyPair.Names))]
    public void A_whole_novel_gives_the_same_ids(string name)
    {
        var pair = VocabularyPair.Open(name);
        byte[] text = Encoding.UTF8.GetBytes(Peers.MobyDick());
        var tokens = new List<int>(text.Length);
        double ours = BestSeconds(runs: 3, () =>
        {
            tokens.Clear();
            pair.Ours.Encode(text, tokens);
        });
        int[] theirs = [];
        double llama = BestSeconds(
                runs: 1, () => theirs = pair.Theirs.Tokenize(text, false, false));
        Assert.That(tokens, Is.EqualTo(theirs));
        Assert.That(pair.Ours.DecodeToBytes([.. tokens]), Is.EqualTo(text));
        double megabytes = text.Length / 1e6;
        string rates = FormattableString.Invariant(
            $"ours {megabytes / ours:F1} MB/s, llama.cpp {megabytes / llama:F1} MB/s");
        TestContext.Out.WriteLine($"{name}: Moby Dick, {text.Length} bytes, "
            + $"{theirs.Length} tokens, {rates}");
    }

    [Test]
    public void Every_code_point_has_the_class_that_llama_cpp_gives_it()
    {
        Peers.Require();
        CharacterClass[] theirs = LlamaUnicode.AllClasses();
        int differences = 0;
        for (int codePoint = 0; codePoint < theirs.Length; codePoint++)
        {
            var ours = CharacterClasses.Of(codePoint);
            if (ours != theirs[codePoint] && differences++ < 20)
            {
                TestContext.Out.WriteLine(
                    $"U+{codePoint:X4}: {ours}, llama.cpp {theirs[codePoint]}");
            }
        }
        TestContext.Out.WriteLine($"{theirs.Length} code points, {differences} differ");
        Assert.That(differences, Is.Zero);
    }

    private static double BestSeconds(int runs, Action action)
    {
        double best = double.MaxValue;
        for (int run = 0; run < runs; run++)
        {
            var watch = Stopwatch.StartNew();
            action();
            best = Math.Min(best, watch.Elapsed.TotalSeconds);
        }
        return best;
    }

    private static bool SameBytes(VocabularyPair pair, int id, bool includeControl) =>
        pair.Ours.DecodeToBytes([id], includeControl).AsSpan()
            .SequenceEqual(pair.Theirs.TokenBytes(id, includeControl));

    private static bool IsUtf8(byte[] text)
    {
        try
        {
            return Strict.GetCharCount(text) >= 0;
        }
        catch (DecoderFallbackException)
        {
            return false;
        }
    }

    private static int FuzzFactor() => int.TryParse(
        Environment.GetEnvironmentVariable("METALMOE_FUZZ_FACTOR"), NumberStyles.None,
        CultureInfo.InvariantCulture, out int factor) ? Math.Max(1, factor) : 1;
}
