using System.Collections.Frozen;
using System.Numerics;
using System.Text;

namespace MetalMoe.Core.Text.Jinja;

/// <summary>The methods of strings that templates can call.</summary>
internal static class StringMethods
{
    private delegate JinjaValue Body(RenderContext context, string text, Arguments arguments);

    private static readonly FrozenDictionary<string, Body> _methods = new Dictionary<string, Body>
    {
        ["upper"] = Convert(CaseMapping.Upper),
        ["lower"] = Convert(CaseMapping.Lower),
        ["casefold"] = Convert(text => CaseMapping.Lower(CaseMapping.Upper(text))),
        ["title"] = Convert(CaseMapping.TitleWords),
        ["capitalize"] = Convert(CaseMapping.Capitalize),
        ["swapcase"] = Convert(CaseMapping.Swap),
        ["strip"] = (c, s, a) => TextTools.Strip(c, s, a.Bind(c, "strip", "chars")[0], true, true),
        ["lstrip"] = (c, s, a) =>
            TextTools.Strip(c, s, a.Bind(c, "lstrip", "chars")[0], true, false),
        ["rstrip"] = (c, s, a) =>
            TextTools.Strip(c, s, a.Bind(c, "rstrip", "chars")[0], false, true),
        ["split"] = (c, s, a) => Split(c, s, a, fromRight: false),
        ["rsplit"] = (c, s, a) => Split(c, s, a, fromRight: true),
        ["splitlines"] = SplitLines,
        ["partition"] = (c, s, a) => Partition(c, s, a, last: false),
        ["rpartition"] = (c, s, a) => Partition(c, s, a, last: true),
        ["replace"] = Replace,
        ["startswith"] = (c, s, a) => Affix(c, s, a, atEnd: false),
        ["endswith"] = (c, s, a) => Affix(c, s, a, atEnd: true),
        ["removeprefix"] = (c, s, a) => Remove(c, s, a, atEnd: false),
        ["removesuffix"] = (c, s, a) => Remove(c, s, a, atEnd: true),
        ["find"] = (c, s, a) => Find(c, s, a, last: false) ?? JinjaValue.From(-1),
        ["rfind"] = (c, s, a) => Find(c, s, a, last: true) ?? JinjaValue.From(-1),
        ["index"] = (c, s, a) => Find(c, s, a, last: false) ?? throw NotFound(c),
        ["rindex"] = (c, s, a) => Find(c, s, a, last: true) ?? throw NotFound(c),
        ["count"] = Count,
        ["join"] = Join,
        ["format"] = (c, s, a) => new StringValue(StringFormat.Apply(c, s, a)),
        ["center"] = (c, s, a) => Pad(c, s, a, 'c'),
        ["ljust"] = (c, s, a) => Pad(c, s, a, '<'),
        ["rjust"] = (c, s, a) => Pad(c, s, a, '>'),
        ["zfill"] = ZeroFill,
        ["isalpha"] = All(Rune.IsLetter),
        ["isalnum"] = All(rune => Rune.IsLetter(rune) || Rune.IsNumber(rune)),
        ["isdigit"] = All(Rune.IsDigit),
        ["isdecimal"] = All(Rune.IsDigit),
        ["isnumeric"] = All(Rune.IsNumber),
        ["isspace"] = All(rune => rune.IsBmp && CodePoints.IsSpace((char)rune.Value)),
        ["isascii"] = (_, s, _) => JinjaValue.From(Ascii.IsValid(s)),
        ["islower"] = (_, s, _) => JinjaValue.From(CaseMapping.IsLower(s)),
        ["isupper"] = (_, s, _) => JinjaValue.From(CaseMapping.IsUpper(s)),
    }.ToFrozenDictionary();

    public static JinjaValue? Find(JinjaValue owner, string name)
    {
        return _methods.TryGetValue(name, out var body)
            ? new Method(owner, (context, self, arguments) =>
            {
                string text = ((StringValue)self).Text;
                context.Scan(text.Length);
                return body(context, text, arguments);
            })
            : null;
    }

    private static JinjaException NotFound(RenderContext context) =>
        context.Error("substring not found");

    private static Body Convert(Func<string, string> convert) => (context, text, arguments) =>
    {
        arguments.Bind(context, "the method");
        return context.Text(convert(text));
    };

    private static Body All(Func<Rune, bool> test) => (_, text, _) =>
    {
        foreach (var rune in text.EnumerateRunes())
        {
            if (!test(rune))
            {
                return BoolValue.False;
            }
        }
        return JinjaValue.From(text.Length > 0);
    };

    private static ListValue Split(
        RenderContext context, string text, Arguments arguments, bool fromRight)
    {
        var given = arguments.Bind(context, "split", "sep", "maxsplit");
        int count = given[1] is { } value ? TextTools.RequireInt(context, value, "split") : -1;
        return TextTools.Split(context, text, given[0], count, fromRight);
    }

    private static ListValue SplitLines(RenderContext context, string text, Arguments arguments)
    {
        bool keepEnds = arguments.Bind(context, "splitlines", "keepends")[0]?.IsTrue ?? false;
        context.AllocateItems(text.AsSpan().Count('\n'));
        var lines = TextTools.Lines(text, keepEnds);
        return context.List([.. lines.Select(line => new StringValue(line))]);
    }

    private static ListValue Partition(
        RenderContext context, string text, Arguments arguments, bool last)
    {
        string separator = TextTools.Require(
            context, arguments.Bind(context, "partition", "sep!")[0], "partition");
        if (separator.Length == 0)
        {
            throw context.Error("empty separator");
        }
        int found = last
            ? TextSearch.LastIndexOf(context, text, separator)
            : TextSearch.IndexOf(context, text, separator, 0);
        string[] parts = found >= 0
            ? [text[..found], separator, text[(found + separator.Length)..]]
            : last ? ["", "", text] : [text, "", ""];
        context.AllocateText(text.Length);
        return context.List([.. parts.Select(part => new StringValue(part))], isTuple: true);
    }

    private static StringValue Replace(RenderContext context, string text, Arguments arguments)
    {
        var given = arguments.Bind(context, "replace", "old!", "new!", "count");
        return TextTools.Replace(
            context,
            text,
            TextTools.Require(context, given[0], "replace"),
            TextTools.Require(context, given[1], "replace"),
            given[2] is { } count ? TextTools.RequireInt(context, count, "replace") : -1);
    }

    private static BoolValue Affix(
        RenderContext context, string text, Arguments arguments, bool atEnd)
    {
        var given = arguments.Bind(context, "startswith", "prefix!", "start", "end");
        var window = Window(context, text, given[1], given[2]);
        IReadOnlyList<JinjaValue> candidates = given[0] is ListValue { IsTuple: true } several
            ? several.Items
            : [given[0]!];
        foreach (var candidate in candidates)
        {
            string affix = TextTools.Require(context, candidate, "startswith");
            context.Scan(affix.Length);
            if (window is { } range && (atEnd
                ? text.AsSpan()[range].EndsWith(affix)
                : text.AsSpan()[range].StartsWith(affix)))
            {
                return BoolValue.True;
            }
        }
        return BoolValue.False;
    }

    private static StringValue Remove(
        RenderContext context, string text, Arguments arguments, bool atEnd)
    {
        string affix = TextTools.Require(
            context, arguments.Bind(context, "removeprefix", "affix!")[0], "removeprefix");
        return context.Text(
            atEnd && text.EndsWith(affix, StringComparison.Ordinal) ? text[..^affix.Length]
            : !atEnd && text.StartsWith(affix, StringComparison.Ordinal) ? text[affix.Length..]
            : text);
    }

    /// <summary>UTF-16 range of the code points from start to end, null when it is void.</summary>
    private static Range? Window(
        RenderContext context, string text, JinjaValue? start, JinjaValue? end)
    {
        if (start is null or NoneValue && end is null or NoneValue)
        {
            return Range.All;
        }
        var value = new StringValue(text);
        int length = value.Length;
        int Index(JinjaValue? bound, int otherwise)
        {
            if (bound is null or NoneValue)
            {
                return otherwise;
            }
            int index = TextTools.RequireInt(context, bound, "find");
            return index < 0 ? Math.Max(index + length, 0) : index;
        }

        int from = Index(start, 0);
        int to = Math.Min(Index(end, length), length);
        return from > to ? null
            : CodePoints.Offset(value, from)..CodePoints.Offset(value, to);
    }

    private static JinjaValue? Find(
        RenderContext context, string text, Arguments arguments, bool last)
    {
        var given = arguments.Bind(context, "find", "sub!", "start", "end");
        string needle = TextTools.Require(context, given[0], "find");
        if (Window(context, text, given[1], given[2]) is not { } window)
        {
            return null;
        }
        var (offset, length) = window.GetOffsetAndLength(text.Length);
        string part = length == text.Length ? text : text.Substring(offset, length);
        int found = last
            ? TextSearch.LastIndexOf(context, part, needle)
            : TextSearch.IndexOf(context, part, needle, 0);
        return found < 0
            ? null
            : JinjaValue.From((long)CodePoints.Count(text.AsSpan(0, offset + found)));
    }

    private static JinjaValue Count(RenderContext context, string text, Arguments arguments)
    {
        var given = arguments.Bind(context, "count", "sub!", "start", "end");
        string needle = TextTools.Require(context, given[0], "count");
        if (Window(context, text, given[1], given[2]) is not { } window)
        {
            return JinjaValue.From(0L);
        }
        string part = text[window];
        if (needle.Length == 0)
        {
            return JinjaValue.From(CodePoints.Count(part) + 1L);
        }
        long count = 0;
        for (int i = 0; ; i += needle.Length)
        {
            i = TextSearch.IndexOf(context, part, needle, i);
            if (i < 0)
            {
                return JinjaValue.From(count);
            }
            count++;
        }
    }

    private static StringValue Join(RenderContext context, string text, Arguments arguments)
    {
        var items = Iteration.ToList(context, arguments.Bind(context, "join", "iterable!")[0]!);
        long length = 0;
        foreach (var item in items)
        {
            length += TextTools.Require(context, item, "join").Length + text.Length;
            TextTools.RequireFits(context, (int)Math.Min(length, int.MaxValue));
        }
        context.AllocateText(length);
        return new StringValue(string.Join(text, items.Select(i => ((StringValue)i).Text)));
    }

    private static StringValue Pad(
        RenderContext context, string text, Arguments arguments, char alignment)
    {
        var given = arguments.Bind(context, "center", "width!", "fillchar");
        string fill = given[1] is null ? " " : TextTools.Require(context, given[1], "center");
        if (CodePoints.Count(fill) != 1)
        {
            throw context.Error("the fill character must be exactly one character long");
        }
        int width = TextTools.RequireInt(context, given[0]!, "center");
        return TextTools.Pad(context, new StringValue(text), width, fill, alignment);
    }

    private static StringValue ZeroFill(RenderContext context, string text, Arguments arguments)
    {
        int width = TextTools.RequireInt(
            context, arguments.Bind(context, "zfill", "width!")[0]!, "zfill");
        string sign = text.StartsWith('-') || text.StartsWith('+') ? text[..1] : "";
        var digits = new StringValue(text[sign.Length..]);
        return Operators.Concat(
            context, sign, TextTools.Pad(context, digits, width - sign.Length, "0", '>').Text);
    }
}
