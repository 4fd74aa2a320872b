namespace MetalMoe.Core.Text;

/// <summary>The splitting of text into words that merges never cross.</summary>
internal enum PreTokenizerKind
{
    /// <summary><c>'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
    /// </c></summary>
    Gpt2,

    /// <summary><c>(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|
    ///  ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+</c></summary>
    Llama3,

    /// <summary>As Llama3 with single digits.</summary>
    Qwen2,

    /// <summary>As Qwen2 with marks counted as letters behind the first character.</summary>
    Qwen35,
}

/// <summary>
/// The pre-tokenizer expressions as hand-written matchers over UTF-8. Each call looks at most
/// one character past the word it returns, or twice at a run of white space, so that any text
/// is split in linear time.
/// </summary>
internal static class WordSplitter
{
    /// <summary>End of the word that starts at <paramref name="start"/>.</summary>
    /// <param name="text">UTF-8 that <see cref="Utf8Repair"/> would not change.</param>
    /// <param name="start">Start of a character.</param>
    /// <param name="kind">Which expression.</param>
    public static int WordEnd(ReadOnlySpan<byte> text, int start, PreTokenizerKind kind) =>
        kind switch
        {
            PreTokenizerKind.Gpt2 => Gpt2WordEnd(text, start),
            PreTokenizerKind.Llama3 => ModernWordEnd(text, start, CharacterClass.Letter, 3),
            PreTokenizerKind.Qwen2 => ModernWordEnd(text, start, CharacterClass.Letter, 1),
            _ => ModernWordEnd(text, start, CharacterClass.Letter | CharacterClass.Mark, 1),
        };

    private static int Gpt2WordEnd(ReadOnlySpan<byte> text, int start)
    {
        int contraction = ContractionLength(text[start..], foldCase: 0);
        if (contraction > 0)
        {
            return start + contraction;
        }
        int body = text[start] == ' ' ? start + 1 : start;
        var kind = ClassAt(text, body, out _);
        if ((kind & (CharacterClass.Letter | CharacterClass.Number)) != 0)
        {
            return SkipWhile(text, body, kind);
        }
        const CharacterClass Stop = CharacterClass.Letter | CharacterClass.Number
            | CharacterClass.Space | CharacterClass.End;
        return (kind & Stop) == 0
            ? SkipUntil(text, body, Stop)
            : SpaceEnd(text, start, endAtLineBreak: false);
    }

    private static int ModernWordEnd(
        ReadOnlySpan<byte> text, int start, CharacterClass letters, int maxDigits)
    {
        byte first = text[start];
        int contraction = ContractionLength(text[start..], foldCase: 0x20);
        if (contraction > 0)
        {
            return start + contraction;
        }
        var kind = ClassAt(text, start, out int length);
        if (kind == CharacterClass.Number)
        {
            int end = start + length;
            for (int digits = 1; digits < maxDigits; digits++)
            {
                if (ClassAt(text, end, out length) != CharacterClass.Number)
                {
                    break;
                }
                end += length;
            }
            return end;
        }
        if (first is not ((byte)'\r' or (byte)'\n') && ((kind & letters) != 0
            || (ClassAt(text, start + length, out _) & letters) != 0))
        {
            return SkipWhile(text, start + length, letters);
        }
        int body = first == ' ' ? start + 1 : start;
        var stop = letters | CharacterClass.Number | CharacterClass.Space | CharacterClass.End;
        if ((ClassAt(text, body, out _) & stop) == 0)
        {
            int end = SkipUntil(text, body, stop);
            while (end < text.Length && text[end] is (byte)'\r' or (byte)'\n')
            {
                end++;
            }
            return end;
        }
        return SpaceEnd(text, start, endAtLineBreak: true);
    }

    /// <summary>White space before a word leaves its last character to that word; with line
    /// breaks in it, it ends behind the last of them.</summary>
    private static int SpaceEnd(ReadOnlySpan<byte> text, int start, bool endAtLineBreak)
    {
        int end = start;
        int last = start;
        int behindBreak = -1;
        while (ClassAt(text, end, out int length) == CharacterClass.Space)
        {
            last = end;
            end += length;
            if (text[last] is (byte)'\r' or (byte)'\n')
            {
                behindBreak = end;
            }
        }
        if (endAtLineBreak && behindBreak > 0)
        {
            return behindBreak;
        }
        return last > start && end < text.Length ? last : end;
    }

    /// <summary>Length of an English contraction such as <c>'ll</c>, or 0. The bit
    /// <paramref name="foldCase"/> is set before letters are compared.</summary>
    private static int ContractionLength(ReadOnlySpan<byte> text, int foldCase)
    {
        if (text[0] != '\'' || text.Length < 2)
        {
            return 0;
        }
        int second = text[1] | foldCase;
        if (second is 's' or 't' or 'm' or 'd')
        {
            return 2;
        }
        int third = text.Length > 2 ? text[2] | foldCase : 0;
        return (second, third) is ('r', 'e') or ('v', 'e') or ('l', 'l') ? 3 : 0;
    }

    private static int SkipWhile(ReadOnlySpan<byte> text, int position, CharacterClass wanted)
    {
        while ((ClassAt(text, position, out int length) & wanted) != 0)
        {
            position += length;
        }
        return position;
    }

    private static int SkipUntil(ReadOnlySpan<byte> text, int position, CharacterClass stop)
    {
        while ((ClassAt(text, position, out int length) & stop) == 0)
        {
            position += length;
        }
        return position;
    }

    private static CharacterClass ClassAt(
        ReadOnlySpan<byte> text, int position, out int length)
    {
        if ((uint)position >= (uint)text.Length)
        {
            length = 0;
            return CharacterClass.End;
        }
        int lead = text[position];
        if (lead < 0x80)
        {
            length = 1;
            return CharacterClasses.Of(lead);
        }
        length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
        int codePoint = lead & (0x7F >> length);
        for (int i = 1; i < length; i++)
        {
            codePoint = (codePoint << 6) | (text[position + i] & 0x3F);
        }
        return CharacterClasses.Of(codePoint);
    }
}
