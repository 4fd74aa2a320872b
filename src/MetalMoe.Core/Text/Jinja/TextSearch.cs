namespace MetalMoe.Core.Text.Jinja;

/// <summary>Substring search whose cost is known before it starts.</summary>
internal static class TextSearch
{
    /// <summary>
    /// Longest needle for the library's search, which is fast but quadratic on crafted text.
    /// </summary>
    private const int ShortNeedle = 32;

    /// <summary>First unit index of the needle from a start on, or -1.</summary>
    public static int IndexOf(RenderContext context, string text, string needle, int start)
    {
        if (needle.Length > text.Length - start)
        {
            return -1;
        }
        bool isShort = needle.Length <= ShortNeedle;
        int found = isShort
            ? text.AsSpan(start).IndexOf(needle)
            : FindLong(text.AsSpan(start), needle);
        int end = found < 0 ? text.Length : start + found + needle.Length;
        context.Work((end - start + needle.Length) >> (isShort ? 5 : 2));
        return found < 0 ? -1 : start + found;
    }

    /// <summary>Last unit index of the needle, or -1.</summary>
    public static int LastIndexOf(RenderContext context, string text, string needle)
    {
        if (needle.Length <= ShortNeedle)
        {
            context.Scan(text.Length);
            return text.LastIndexOf(needle, StringComparison.Ordinal);
        }
        int last = -1;
        for (int i = IndexOf(context, text, needle, 0); i >= 0;)
        {
            last = i;
            i = IndexOf(context, text, needle, i + 1);
        }
        return last;
    }

    /// <summary>Knuth, Morris and Pratt: linear whatever the text.</summary>
    private static int FindLong(ReadOnlySpan<char> text, string needle)
    {
        var back = new int[needle.Length];
        for (int i = 1, k = 0; i < needle.Length; i++)
        {
            while (k > 0 && needle[i] != needle[k])
            {
                k = back[k - 1];
            }
            if (needle[i] == needle[k])
            {
                k++;
            }
            back[i] = k;
        }
        for (int i = 0, k = 0; i < text.Length; i++)
        {
            while (k > 0 && text[i] != needle[k])
            {
                k = back[k - 1];
            }
            if (text[i] == needle[k] && ++k == needle.Length)
            {
                return i - k + 1;
            }
        }
        return -1;
    }
}
