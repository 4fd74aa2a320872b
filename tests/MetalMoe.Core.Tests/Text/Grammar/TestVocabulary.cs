using System.Text;
using MetalMoe.Core.Text.Grammar;

namespace MetalMoe.Core.Tests.Text.Grammar;

/// <summary>Vocabularies made up for tests: all single bytes, pieces of text, and one end token
/// behind them.</summary>
internal sealed class TestVocabulary
{
    private static readonly string[] _pieces =
    [
        "{\"", "\":", "\": ", "\",\"", "\", \"", "\"}", "\"}]", "},{", "]]", "[[", "[{", "}}", "{}",
        "[]", "\"\"", ",\n", "\n ", "\n  ", "\n    ", "true", "false", "null", "nul", "ull,",
        "e+1", "12", "00", "-1", "1.5", ".25", "\\\"", "\\u00", "\\n", "abc", "name",
        "name\":", "é", "日本",
        "😀", "the", " the", "2024-", "02-29", "T10:", "a\"b", "\\", "x\\\"y", "]}", "0]", "1}",
    ];

    private readonly Dictionary<string, int> _ids = new(StringComparer.Ordinal);

    private TestVocabulary(List<byte[]> tokens)
    {
        EndToken = tokens.Count;
        Tokens = [.. tokens, "<end>"u8.ToArray()];
        for (int i = 0; i < EndToken; i++)
        {
            _ids.TryAdd(Encoding.Latin1.GetString(Tokens[i]), i);
        }
        Grammar = new GrammarVocabulary(Tokens.Length, t => Tokens[t], [EndToken]);
    }

    public byte[][] Tokens { get; }

    public int EndToken { get; }

    public GrammarVocabulary Grammar { get; }

    /// <summary>Some 400 tokens, among them parts of characters.</summary>
    public static TestVocabulary Small { get; } = new([.. Bytes(),
        .. _pieces.Select(Encoding.UTF8.GetBytes),
        .. _pieces.SelectMany(p => new[] { p + p, p + "\"", " " + p })
            .Select(Encoding.UTF8.GetBytes),
        [0xF0, 0x9F], [0x98, 0x80, (byte)'"'], [0xE6, 0x97], [0x97, 0xA5], [0xC3],
        [0xA9, (byte)'x']]);

    /// <summary>A vocabulary of the size of Qwen's with words of plausible lengths: letters,
    /// digits, punctuation, blanks, other scripts.</summary>
    public static TestVocabulary Large(int count, int seed)
    {
        var random = new Random(seed);
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var tokens = Bytes().ToList();
        while (tokens.Count < count - 1)
        {
            string word = RandomWord(random);
            if (seen.Add(word))
            {
                tokens.Add(Encoding.UTF8.GetBytes(word));
            }
        }
        return new TestVocabulary(tokens);
    }

    /// <summary>Tokens of a text, longest first.</summary>
    public List<int> Tokenize(string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        var tokens = new List<int>();
        for (int at = 0; at < bytes.Length;)
        {
            int length = Math.Min(24, bytes.Length - at);
            int token;
            while (!_ids.TryGetValue(Encoding.Latin1.GetString(bytes, at, length), out token))
            {
                length--;
            }
            tokens.Add(token);
            at += length;
        }
        return tokens;
    }

    private static IEnumerable<byte[]> Bytes() =>
        Enumerable.Range(0, 256).Select(b => new[] { (byte)b });

    private static string RandomWord(Random random)
    {
        int length = 1 + random.Next(3) + random.Next(8);
        var word = new StringBuilder();
        int kind = random.Next(20);
        if (kind < 12)
        {
            word.Append(kind < 7 ? " " : "");
            for (int i = 0; i < length; i++)
            {
                word.Append((char)('a' + Math.Min(random.Next(26), random.Next(26))));
            }
        }
        else if (kind < 15)
        {
            const string Marks = "\"{}[]():;,.<>/\\=+-*&|!?#'_ \n";
            for (int i = 0; i < 1 + (length / 2); i++)
            {
                word.Append(Marks[random.Next(Marks.Length)]);
            }
        }
        else
        {
            for (int i = 0; i < 1 + (length / 3); i++)
            {
                word.Append((char)(kind < 18 ? random.Next(0x4E00, 0x9000)
                    : random.Next(0x400, 0x4FF)));
            }
        }
        return word.ToString();
    }
}
