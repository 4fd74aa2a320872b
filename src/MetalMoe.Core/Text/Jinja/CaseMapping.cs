using System.Text;

namespace MetalMoe.Core.Text.Jinja;

/// <summary>
/// Python's case conversions. Letters that grow (German sharp s, ligatures) are mapped as Unicode's
/// SpecialCasing says, except for polytonic Greek, which keeps its simple mapping.
/// </summary>
internal static class CaseMapping
{
    private const char DottedI = '\u0130';
    private const char CapitalSigma = '\u03a3';

    public static string Upper(string text)
    {
        if (Ascii.IsValid(text))
        {
            return text.ToUpperInvariant();
        }
        var output = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            output.Append(Upper(rune));
        }
        return output.ToString();
    }

    public static string Lower(string text)
    {
        if (text.AsSpan().IndexOfAny(DottedI, CapitalSigma) < 0)
        {
            return text.ToLowerInvariant();
        }
        var output = new StringBuilder(text.Length);
        for (int i = 0; i < text.Length; i += CodePoints.Width(text, i))
        {
            AppendLower(output, text, i);
        }
        return output.ToString();
    }

    /// <summary>Appends one code point in lower case; a final sigma has its own.</summary>
    private static void AppendLower(StringBuilder output, string text, int index)
    {
        switch (text[index])
        {
            case DottedI:
                output.Append("i\u0307");
                break;
            case CapitalSigma:
                bool ends = index > 0 && char.IsLetter(text[index - 1])
                    && (index + 1 == text.Length || !char.IsLetter(text[index + 1]));
                output.Append(ends ? '\u03c2' : '\u03c3');
                break;
            default:
                int width = CodePoints.Width(text, index);
                output.Append(text.Substring(index, width).ToLowerInvariant());
                break;
        }
    }

    public static string Capitalize(string text)
    {
        if (text.Length == 0)
        {
            return text;
        }
        int width = CodePoints.Width(text, 0);
        return Title(text[..width]) + Lower(text[width..]);
    }

    /// <summary>Python's <c>str.title</c>: every run of letters starts with a capital.</summary>
    public static string TitleWords(string text)
    {
        var output = new StringBuilder(text.Length);
        bool inWord = false;
        for (int i = 0; i < text.Length; i += CodePoints.Width(text, i))
        {
            string part = text.Substring(i, CodePoints.Width(text, i));
            if (inWord)
            {
                AppendLower(output, text, i);
            }
            else
            {
                output.Append(Title(part));
            }
            inWord = Rune.TryGetRuneAt(text, i, out var rune) && IsCased(rune);
        }
        return output.ToString();
    }

    /// <summary>The <c>title</c> filter: words start after blanks, dashes and brackets.</summary>
    public static string TitleFilter(string text)
    {
        var output = new StringBuilder(text.Length);
        bool start = true;
        for (int i = 0; i < text.Length;)
        {
            string part = text.Substring(i, CodePoints.Width(text, i));
            i += part.Length;
            bool separates = part.Length == 1
                && (CodePoints.IsSpace(part[0]) || part[0] is '-' or '(' or '{' or '[' or '<');
            output.Append(start ? Upper(part) : Lower(part));
            start = separates;
        }
        return output.ToString();
    }

    public static string Swap(string text)
    {
        var output = new StringBuilder(text.Length);
        for (int i = 0; i < text.Length; i += CodePoints.Width(text, i))
        {
            string part = text.Substring(i, CodePoints.Width(text, i));
            if (Rune.TryGetRuneAt(text, i, out var rune) && Rune.IsUpper(rune))
            {
                AppendLower(output, text, i);
            }
            else
            {
                output.Append(Upper(part));
            }
        }
        return output.ToString();
    }

    public static bool IsLower(string text) => IsOneCase(text, Rune.IsUpper);

    public static bool IsUpper(string text) => IsOneCase(text, Rune.IsLower);

    private static bool IsOneCase(string text, Func<Rune, bool> isOther)
    {
        bool cased = false;
        foreach (var rune in text.EnumerateRunes())
        {
            if (isOther(rune))
            {
                return false;
            }
            cased |= IsCased(rune);
        }
        return cased;
    }

    private static bool IsCased(Rune rune) => Rune.IsUpper(rune) || Rune.IsLower(rune);

    private static string Title(string part)
    {
        string upper = Upper(part);
        return upper.Length > part.Length ? upper[..1] + Lower(upper[1..]) : upper;
    }

    private static string Upper(Rune rune) => rune.Value switch
    {
        0x00df => "SS",
        0x0149 => "\u02bcN",
        0x01f0 => "J\u030c",
        0x0390 => "\u0399\u0308\u0301",
        0x03b0 => "\u03a5\u0308\u0301",
        0x0587 => "\u0535\u0552",
        0x1e96 => "H\u0331",
        0x1e97 => "T\u0308",
        0x1e98 => "W\u030a",
        0x1e99 => "Y\u030a",
        0x1e9a => "A\u02be",
        0xfb00 => "FF",
        0xfb01 => "FI",
        0xfb02 => "FL",
        0xfb03 => "FFI",
        0xfb04 => "FFL",
        0xfb05 or 0xfb06 => "ST",
        _ => Rune.ToUpperInvariant(rune).ToString(),
    };
}
