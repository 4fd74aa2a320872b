using System.Text;

namespace MetalMoe.Core.Text.Jinja;

/// <summary>String work shared by methods and filters, with Python's rules.</summary>
internal static class TextTools
{
    /// <summary>Python's <c>strip</c>: blanks, or the code points of a given string.</summary>
    public static StringValue Strip(
        RenderContext context, string text, JinjaValue? characters, bool left, bool right)
    {
        var set = Set(context, characters);
        int start = 0;
        int end = text.Length;
        while (left && start < end && Strips(set, text, start, out int width))
        {
            start += width;
        }
        while (right && end > start)
        {
            int last = end - 1;
            last -= last > start && CodePoints.Width(text, last - 1) == 2 ? 1 : 0;
            if (!Strips(set, text, last, out _))
            {
                break;
            }
            end = last;
        }
        context.Scan(text.Length - (end - start));
        return context.Text(text[start..end]);
    }

    private static HashSet<string>? Set(RenderContext context, JinjaValue? characters)
    {
        if (characters is null or NoneValue)
        {
            return null;
        }
        string text = Require(context, characters, "strip");
        context.AllocateItems(text.Length);
        return [.. CodePoints.Split(text)];
    }

    private static bool Strips(HashSet<string>? set, string text, int index, out int width)
    {
        width = CodePoints.Width(text, index);
        return set?.Contains(text.Substring(index, width)) ?? CodePoints.IsSpace(text[index]);
    }

    /// <summary>The text of an argument that must be a string.</summary>
    public static string Require(RenderContext context, JinjaValue? value, string function) =>
        value switch
        {
            StringValue text => text.Text,
            UndefinedValue => throw Operators.Undefined(context, value),
            _ => throw context.Error($"{function}() needs a str, not {value?.TypeName}"),
        };

    /// <summary>An argument that must be an integer, within the range of int.</summary>
    public static int RequireInt(RenderContext context, JinjaValue value, string function)
    {
        if (value is UndefinedValue)
        {
            throw Operators.Undefined(context, value);
        }
        if (value is not (IntValue or BoolValue))
        {
            throw context.Error($"{function}() needs an int, not {value.TypeName}");
        }
        var number = Equality.Integer(value);
        return number > int.MaxValue ? int.MaxValue
            : number < -int.MaxValue ? -int.MaxValue
            : (int)number;
    }

    public static StringValue Replace(
        RenderContext context, string text, string old, string replacement, int count)
    {
        var output = new StringBuilder();
        int position = 0;
        int left = count < 0 ? int.MaxValue : count;
        if (old.Length == 0)
        {
            return Interleave(context, text, replacement, left);
        }
        while (left-- > 0)
        {
            int found = TextSearch.IndexOf(context, text, old, position);
            if (found < 0)
            {
                break;
            }
            context.AllocateText(found - position + replacement.Length);
            output.Append(text, position, found - position).Append(replacement);
            RequireFits(context, output.Length);
            position = found + old.Length;
        }
        output.Append(text, position, text.Length - position);
        return context.Text(output.ToString());
    }

    private static StringValue Interleave(
        RenderContext context, string text, string replacement, int count)
    {
        var output = new StringBuilder();
        context.AllocateText(
            text.Length + (long)Math.Min(count, text.Length + 1) * replacement.Length);
        for (int i = 0; i <= text.Length; i += i < text.Length ? CodePoints.Width(text, i) : 1)
        {
            output.Append(count-- > 0 ? replacement : "");
            output.Append(text, i, i < text.Length ? CodePoints.Width(text, i) : 0);
        }
        return context.Text(output.ToString());
    }

    public static void RequireFits(RenderContext context, int length)
    {
        if (length > context.Limits.MaxOutputLength)
        {
            throw context.Limit(
                $"a string of more than {context.Limits.MaxOutputLength} characters");
        }
    }

    /// <summary>Python's <c>split</c> and <c>rsplit</c>.</summary>
    public static ListValue Split(
        RenderContext context, string text, JinjaValue? separator, int count, bool fromRight)
    {
        int limit = count < 0 ? int.MaxValue : count;
        context.Scan(text.Length);
        List<string> parts = separator is null or NoneValue
            ? SplitBlanks(context, text, limit, fromRight)
            : SplitText(context, text, Require(context, separator, "split"), limit, fromRight);
        if (fromRight)
        {
            parts.Reverse();
        }
        context.AllocateText(text.Length);
        return context.List([.. parts.Select(part => new StringValue(part))]);
    }

    private static List<string> SplitText(
        RenderContext context, string text, string separator, int limit, bool fromRight)
    {
        if (separator.Length == 0)
        {
            throw context.Error("empty separator");
        }
        var parts = new List<string>();
        int position = fromRight ? text.Length : 0;
        while (limit-- > 0)
        {
            int found = fromRight
                ? TextSearch.LastIndexOf(context, text[..position], separator)
                : TextSearch.IndexOf(context, text, separator, position);
            if (found < 0)
            {
                break;
            }
            context.AllocateItems(1);
            if (fromRight)
            {
                context.Scan(position);
                parts.Add(text[(found + separator.Length)..position]);
                position = found;
            }
            else
            {
                parts.Add(text[position..found]);
                position = found + separator.Length;
            }
        }
        parts.Add(fromRight ? text[..position] : text[position..]);
        return parts;
    }

    private static List<string> SplitBlanks(
        RenderContext context, string text, int limit, bool fromRight)
    {
        var parts = new List<string>();
        int step = fromRight ? -1 : 1;
        int position = fromRight ? text.Length - 1 : 0;
        bool Inside() => position >= 0 && position < text.Length;
        while (true)
        {
            while (Inside() && CodePoints.IsSpace(text[position]))
            {
                position += step;
            }
            if (!Inside())
            {
                return parts;
            }
            context.AllocateItems(1);
            if (limit-- <= 0)
            {
                parts.Add(fromRight ? text[..(position + 1)] : text[position..]);
                return parts;
            }
            int start = position;
            while (Inside() && !CodePoints.IsSpace(text[position]))
            {
                position += step;
            }
            parts.Add(fromRight ? text[(position + 1)..(start + 1)] : text[start..position]);
        }
    }

    /// <summary>Python's <c>splitlines</c>.</summary>
    public static List<string> Lines(string text, bool keepEnds = false)
    {
        var lines = new List<string>();
        int start = 0;
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] is not ((>= '\n' and <= '\r') or (>= '\x1c' and <= '\x1e')
                or '\x85' or '\u2028' or '\u2029'))
            {
                continue;
            }
            int end = i;
            i += text[i] == '\r' && i + 1 < text.Length && text[i + 1] == '\n' ? 1 : 0;
            lines.Add(text[start..(keepEnds ? i + 1 : end)]);
            start = i + 1;
        }
        if (start < text.Length)
        {
            lines.Add(text[start..]);
        }
        return lines;
    }

    /// <summary>Pads to a width in code points, on the left, the right or both sides.</summary>
    public static StringValue Pad(
        RenderContext context, StringValue text, int width, string fill, char alignment)
    {
        int missing = width - text.Length;
        if (missing <= 0)
        {
            return text;
        }
        context.AllocateText((long)missing * fill.Length + text.Text.Length);
        int left = alignment switch
        {
            '<' => 0,
            '>' => missing,
            // Python's str.center and its format disagree on where the odd blank goes.
            'c' => missing / 2 + (missing & width & 1),
            _ => missing / 2,
        };
        var output = new StringBuilder();
        output.Insert(0, fill, left);
        output.Append(text.Text);
        output.Insert(output.Length, fill, missing - left);
        return new StringValue(output.ToString());
    }
}
