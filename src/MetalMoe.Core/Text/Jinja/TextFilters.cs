using System.Text;

namespace MetalMoe.Core.Text.Jinja;

/// <summary>Filters that make text.</summary>
internal static class TextFilters
{
    public static IEnumerable<(string Name, FilterSpec Spec)> All { get; } =
    [
        ("tojson", new FilterSpec(
            ToJson, "ensure_ascii", "indent", "separators", "sort_keys")),
        ("string", Convert(text => text)),
        ("safe", new FilterSpec((_, value, _) => value)),
        ("upper", Convert(CaseMapping.Upper)),
        ("lower", Convert(CaseMapping.Lower)),
        ("capitalize", Convert(CaseMapping.Capitalize)),
        ("title", Convert(CaseMapping.TitleFilter)),
        ("escape", Convert(Escape)),
        ("e", Convert(Escape)),
        ("forceescape", Convert(Escape)),
        ("trim", new FilterSpec(
            (c, v, a) => TextTools.Strip(c, PythonText.Str(v, c), a[0], true, true), "chars")),
        ("replace", new FilterSpec(Replace, "old!", "new!", "count")),
        ("default", new FilterSpec(Default, "default_value", "boolean")),
        ("d", new FilterSpec(Default, "default_value", "boolean")),
        ("indent", new FilterSpec(Indent, "width", "first", "blank")),
        ("center", new FilterSpec(Center, "width")),
        ("truncate", new FilterSpec(Truncate, "length", "killwords", "end", "leeway")),
        ("wordcount", new FilterSpec(WordCount)),
        ("urlencode", new FilterSpec(UrlEncode)),
    ];

    private static FilterSpec Convert(Func<string, string> convert) => new((context, value, _) =>
    {
        string text = PythonText.Str(value, context);
        context.Scan(text.Length);
        return context.Text(convert(text));
    });

    private static string Escape(string text) => text
        .Replace("&", "&amp;")
        .Replace("<", "&lt;")
        .Replace(">", "&gt;")
        .Replace("'", "&#39;")
        .Replace("\"", "&#34;");

    private static StringValue ToJson(
        RenderContext context, JinjaValue value, JinjaValue?[] arguments)
    {
        var layout = new JsonLayout(
            EnsureAscii: arguments[0]?.IsTrue ?? false,
            Indent: arguments[1] switch
            {
                null or NoneValue => null,
                StringValue text => text.Text,
                var width => new string(' ', Math.Clamp(
                    TextTools.RequireInt(context, width, "tojson"), 0, 1000)),
            },
            SortKeys: arguments[3]?.IsTrue ?? false);
        if (arguments[2] is { } separators and not NoneValue)
        {
            var pair = Iteration.ToList(context, separators);
            if (pair is not [StringValue item, StringValue key])
            {
                throw context.Error("separators must be a pair of strings");
            }
            layout = layout with { ItemSeparator = item.Text, KeySeparator = key.Text };
        }
        return new StringValue(new PythonJson(context, layout).Write(value));
    }

    private static StringValue Replace(
        RenderContext context, JinjaValue value, JinjaValue?[] arguments)
    {
        return TextTools.Replace(
            context,
            PythonText.Str(value, context),
            PythonText.Str(arguments[0]!, context),
            PythonText.Str(arguments[1]!, context),
            arguments[2] is { } count and not NoneValue
                ? TextTools.RequireInt(context, count, "replace")
                : -1);
    }

    private static JinjaValue Default(
        RenderContext context, JinjaValue value, JinjaValue?[] arguments)
    {
        bool missing = value is UndefinedValue
            || (arguments[1]?.IsTrue ?? false) && !value.IsTrue;
        return missing ? arguments[0] ?? StringValue.Empty : value;
    }

    private static StringValue Indent(
        RenderContext context, JinjaValue value, JinjaValue?[] arguments)
    {
        string text = TextTools.Require(context, value, "indent");
        string indent = arguments[0] switch
        {
            null => "    ",
            StringValue given => given.Text,
            var width => new string(' ', Math.Clamp(
                TextTools.RequireInt(context, width, "indent"), 0, 10_000)),
        };
        bool first = arguments[1]?.IsTrue ?? false;
        bool blank = arguments[2]?.IsTrue ?? false;
        context.Scan(text.Length);
        var lines = TextTools.Lines(text + "\n");
        context.AllocateText(text.Length + (long)lines.Count * indent.Length);
        var output = new StringBuilder(first ? indent : "");
        for (int i = 0; i < lines.Count; i++)
        {
            output.Append(i > 0 ? "\n" : "");
            output.Append(i > 0 && (blank || lines[i].Length > 0) ? indent : "");
            output.Append(lines[i]);
        }
        return context.Text(output.ToString());
    }

    private static StringValue Center(
        RenderContext context, JinjaValue value, JinjaValue?[] arguments)
    {
        int width = arguments[0] is { } given
            ? TextTools.RequireInt(context, given, "center")
            : 80;
        var text = new StringValue(PythonText.Str(value, context));
        return TextTools.Pad(context, text, width, " ", 'c');
    }

    private static JinjaValue Truncate(
        RenderContext context, JinjaValue value, JinjaValue?[] arguments)
    {
        int length = Number(0, 255);
        int leeway = Number(3, 5);
        string end = arguments[2] is null
            ? "..."
            : TextTools.Require(context, arguments[2], "truncate");
        int Number(int index, int otherwise) => arguments[index] is { } given and not NoneValue
            ? TextTools.RequireInt(context, given, "truncate")
            : otherwise;
        int kept = length - CodePoints.Count(end);
        if (kept < 0 || leeway < 0)
        {
            throw context.Error(
                "truncate needs a length of at least that of its end, and a leeway of at least 0");
        }
        if (value.Length >= 0 && value.Length <= (long)length + leeway)
        {
            return value;
        }
        var text = new StringValue(TextTools.Require(context, value, "truncate"));
        context.Scan(text.Text.Length);
        string head = text.Text[..CodePoints.Offset(text, kept)];
        int space = head.LastIndexOf(' ');
        bool killWords = arguments[1]?.IsTrue ?? false;
        return Operators.Concat(context, killWords || space < 0 ? head : head[..space], end);
    }

    private static JinjaValue WordCount(RenderContext context, JinjaValue value, JinjaValue?[] _)
    {
        string text = PythonText.Str(value, context);
        context.Scan(text.Length);
        long words = 0;
        bool inWord = false;
        foreach (char c in text)
        {
            bool isWord = c == '_' || char.IsLetterOrDigit(c);
            words += isWord && !inWord ? 1 : 0;
            inWord = isWord;
        }
        return JinjaValue.From(words);
    }

    private static StringValue UrlEncode(
        RenderContext context, JinjaValue value, JinjaValue?[] _)
    {
        if (value is StringValue || !Iteration.IsIterable(value))
        {
            return Quote(PythonText.Str(value, context), forQuery: false);
        }
        var source = value is DictValue dict ? new ViewValue(dict, ViewKind.Items) : value;
        var parts = new List<string>();
        foreach (var pair in Iteration.ToList(context, source))
        {
            var items = Iteration.ToList(context, pair);
            if (items.Count != 2)
            {
                throw context.Error("urlencode needs pairs");
            }
            parts.Add(Quote(PythonText.Str(items[0], context), forQuery: true).Text + "="
                + Quote(PythonText.Str(items[1], context), forQuery: true).Text);
        }
        return context.Text(string.Join('&', parts));

        StringValue Quote(string text, bool forQuery)
        {
            context.AllocateText(text.Length * 3L);
            string quoted = Uri.EscapeDataString(text);
            return new StringValue(forQuery
                ? quoted.Replace("%20", "+")
                : quoted.Replace("%2F", "/"));
        }
    }
}
