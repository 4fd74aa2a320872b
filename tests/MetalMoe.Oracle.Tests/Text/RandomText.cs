using System.Text;

namespace MetalMoe.Oracle.Tests.Text;

/// <summary>
/// Random bytes of the kinds that tell tokenizers apart: mixed scripts, combining marks, emoji
/// sequences, control characters, numbers, white space, look-alikes of special tokens, long
/// runs, any code point at all, and bytes that are not UTF-8.
/// </summary>
internal sealed class RandomText(int seed)
{
    private static readonly (int First, int Last)[] Scripts =
    [
        (0x20, 0x7E), (0x61, 0x7A), (0xA0, 0xFF), (0x100, 0x17F), (0x370, 0x3FF),
        (0x400, 0x4FF), (0x5D0, 0x5EA), (0x620, 0x64A), (0x660, 0x669), (0x900, 0x97F),
        (0xE00, 0xE7F), (0x1100, 0x11FF), (0x2000, 0x206F), (0x2150, 0x218F), (0x3040, 0x30FF),
        (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0xFB00, 0xFB4F), (0xFF00, 0xFFEF),
        (0x10400, 0x1044F), (0x1D400, 0x1D7FF), (0x1F300, 0x1F6FF), (0x20000, 0x2A6DF),
    ];

    private static readonly string[] Pieces =
    [
        "'s", "'S", "'ll", "'LL", "'re", "'Ve", "'d", "'m", "'t", "'x", "''", "don't", "I'M",
        "<|im_start|>", "<|im_end|>", "<|endoftext|>", "<think>", "</think>", "<tool_call>",
        "</tool_response>", "<|begin_of_text|>", "<|eot_id|>", "<|reserved_special_token_9|>",
        "<|im_start", "im_end|>", "<<|im_end|>>", "< think>", "<think", "<|", "|>", "<", "</",
        "[PAD151650]", "👩‍👩‍👧‍👦", "🏳️‍🌈", "👍🏽", "🇩🇪", "e\u0301", "\u200D", "\uFE0F", "\uFEFF",
        "\u017F", "\u212A", "\u0130", "3.14159", "1,000,000", "2024-11-24", "0x1F", "١٢٣",
        "Ⅷ", "½", "²", "    ", "\t\t", "\r\n", "\n\n", " \n ", "\u00A0", "\u3000", "\u2028",
        "\u0085", "\v\f", "\0", "\u0007", "\u001B[0m", "function(x) {", "Ġhello", "Ċ", "▁the",
        " the", " and", "Hello", " world", "ing", "...", "!?", "==", "//",
    ];

    private static readonly byte[][] Broken =
    [
        [0x80], [0xBF, 0xBF], [0xC0, 0x80], [0xC1], [0xC3], [0xE2, 0x82], [0xE0, 0x80, 0x80],
        [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF], [0xF0, 0x9F, 0x98], [0xF0, 0x80, 0x80, 0x80],
        [0xF8, 0x88, 0x80, 0x80, 0x80], [0xFE], [0xFF, 0xFF], [0xE2, 0x28, 0xA1], [0xF0, 0x28],
    ];

    private readonly Random _random = new(seed);
    private readonly List<byte> _bytes = [];

    public byte[] Next()
    {
        _bytes.Clear();
        int parts = _random.Next(1, 14);
        for (int i = 0; i < parts; i++)
        {
            AddPart();
        }
        return [.. _bytes];
    }

    private void AddPart()
    {
        switch (_random.Next(12))
        {
            case < 4:
                var (first, last) = Pick(Scripts);
                Repeat(_random.Next(1, 9), () => Add(_random.Next(first, last + 1)));
                break;
            case < 7:
                Add(Pick(Pieces));
                break;
            case 7:
                Repeat(_random.Next(1, 5), () => Add(Pick(" \t\r\n\u00A0\u2003".ToCharArray())));
                break;
            case 8:
                Repeat(_random.Next(1, 12), () => Add('0' + _random.Next(10)));
                break;
            case 9:
                int codePoint = AnyCodePoint();
                Repeat(_random.Next(1, _random.Next(10) == 0 ? 200 : 4), () => Add(codePoint));
                break;
            case 10:
                Add('a' + _random.Next(26));
                Repeat(_random.Next(1, 5), () => Add(_random.Next(0x300, 0x370)));
                break;
            default:
                if (_random.Next(3) == 0)
                {
                    _bytes.AddRange(Pick(Broken));
                }
                break;
        }
    }

    private int AnyCodePoint()
    {
        int codePoint = _random.Next(0x110000 - 0x800);
        return codePoint < 0xD800 ? codePoint : codePoint + 0x800;
    }

    private static void Repeat(int count, Action action)
    {
        for (int i = 0; i < count; i++)
        {
            action();
        }
    }

    private void Add(int codePoint) => Add(new Rune(codePoint).ToString());

    private void Add(string text) => _bytes.AddRange(Encoding.UTF8.GetBytes(text));

    private T Pick<T>(T[] choices) => choices[_random.Next(choices.Length)];
}
