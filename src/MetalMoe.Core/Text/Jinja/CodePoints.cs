namespace MetalMoe.Core.Text.Jinja;

/// <summary>Code point arithmetic on UTF-16 text; a lone surrogate counts as one.</summary>
internal static class CodePoints
{
    public static int Count(ReadOnlySpan<char> text)
    {
        int first = text.IndexOfAnyInRange('\uD800', '\uDBFF');
        if (first < 0)
        {
            return text.Length;
        }
        int count = first;
        for (int i = first; i < text.Length; i += Width(text, i))
        {
            count++;
        }
        return count;
    }

    /// <summary>UTF-16 units of the code point at a unit index: 1 or 2.</summary>
    public static int Width(ReadOnlySpan<char> text, int index) =>
        char.IsHighSurrogate(text[index]) && index + 1 < text.Length
            && char.IsLowSurrogate(text[index + 1])
            ? 2
            : 1;

    /// <summary>The unit index at which code point <paramref name="index"/> starts.</summary>
    public static int Offset(StringValue value, int index)
    {
        if (value.IsFlat)
        {
            return index;
        }
        int offset = 0;
        for (int i = 0; i < index; i++)
        {
            offset += Width(value.Text, offset);
        }
        return offset;
    }

    /// <summary>The code point index of a unit index.</summary>
    public static int Index(StringValue value, int offset) =>
        value.IsFlat ? offset : Count(value.Text.AsSpan(0, offset));

    /// <summary>The text cut into its code points.</summary>
    public static List<string> Split(string text)
    {
        var parts = new List<string>(text.Length);
        for (int i = 0; i < text.Length;)
        {
            int width = Width(text, i);
            parts.Add(text.Substring(i, width));
            i += width;
        }
        return parts;
    }

    /// <summary>Python's <c>str.isspace</c> for one UTF-16 unit.</summary>
    public static bool IsSpace(char c) => char.IsWhiteSpace(c) || c is >= '\u001c' and <= '\u001f';
}
