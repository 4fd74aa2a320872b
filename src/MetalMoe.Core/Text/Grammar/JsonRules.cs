using System.Text;
using System.Text.Json;

namespace MetalMoe.Core.Text.Grammar;

/// <summary>The rules of a grammar under construction, and those of JSON itself.
/// Source: RFC 8259.</summary>
internal sealed class JsonRules
{
    private const int MaxIndent = 20;
    private const int MaxDigits = 15;

    private readonly List<GrammarRule?> _rules = [];
    private readonly Dictionary<string, GrammarNode> _shared = new(StringComparer.Ordinal);

    /// <summary>Characters that a string holds without escape.</summary>
    public static CodePointSet Raw { get; } = CodePointSet.Of(
        new CodePointRange('"'), new CodePointRange('\\'), new CodePointRange(0, 0x1F))
        .Complement();

    public static GrammarNode Digit { get; } = Range('0', '9');

    private static GrammarNode Hex { get; } = OneOf("0123456789abcdefABCDEF");

    /// <summary>A blank, or a line break with indentation, or nothing.</summary>
    public GrammarNode Space => Share("space", () => GrammarNode.Any(
        GrammarNode.Empty,
        GrammarNode.Text(" "),
        GrammarNode.All(
            GrammarNode.Text("\n"), GrammarNode.Times(GrammarNode.Text(" "), 0, MaxIndent))));

    /// <summary>One character inside a string, escaped or not; surrogates only in pairs.</summary>
    public GrammarNode Character => Share("character", () => GrammarNode.Any(
        GrammarNode.OneOf(Raw),
        GrammarNode.All(GrammarNode.Text("\\"), OneOf("\"\\/bfnrt")),
        GrammarNode.All(GrammarNode.Text("\\u"), GrammarNode.Any(
            GrammarNode.All(OneOf("0123456789abcefABCEF"), Hex, Hex, Hex),
            GrammarNode.All(OneOf("dD"), OneOf("01234567"), Hex, Hex),
            GrammarNode.All(OneOf("dD"), OneOf("89abAB"), Hex, Hex, GrammarNode.Text("\\u"),
                OneOf("dD"), OneOf("cdefCDEF"), Hex, Hex)))));

    public GrammarNode Number => Share("number", () => GrammarNode.All(
        GrammarNode.Optional(GrammarNode.Text("-")),
        GrammarNode.Any(GrammarNode.Text("0"), GrammarNode.All(
            Range('1', '9'), GrammarNode.Times(Digit, 0, MaxDigits - 1))),
        GrammarNode.Optional(GrammarNode.All(
            GrammarNode.Text("."), GrammarNode.Times(Digit, 1, MaxDigits))),
        GrammarNode.Optional(GrammarNode.All(
            OneOf("eE"), GrammarNode.Optional(OneOf("+-")),
            GrammarNode.Times(Digit, 1, 2)))));

    /// <summary>Any JSON value.</summary>
    public GrammarNode Value
    {
        get
        {
            if (!_shared.TryGetValue("value", out var value))
            {
                int rule = Reserve("value");
                value = new GrammarNode.Reference(rule);
                _shared.Add("value", value);
                Define(rule, GrammarNode.Any(
                    String(0, null), Number, GrammarNode.Text("true"), GrammarNode.Text("false"),
                    GrammarNode.Text("null"), AnyObject, Array([], value, 0, null)));
            }
            return value;
        }
    }

    public GrammarNode AnyObject => Share("object", () => Braces(Optional(Listed(
        Member(String(0, null), Value)))));

    public int Reserve(string name)
    {
        _rules.Add(new GrammarRule(name, GrammarNode.Empty));
        if (_rules.Count > TextGrammar.MaxRules)
        {
            throw new GrammarException(
                $"schema: expected one that needs at most {TextGrammar.MaxRules} rules, got more");
        }
        return _rules.Count - 1;
    }

    public void Define(int rule, GrammarNode body) =>
        _rules[rule] = _rules[rule]! with { Body = body };

    public GrammarNode Add(string name, GrammarNode body)
    {
        int rule = Reserve(name);
        Define(rule, body);
        return new GrammarNode.Reference(rule);
    }

    public GrammarRule[] ToArray() => [.. _rules.Select(r => r!)];

    public GrammarNode String(int min, int? max) => Share($"string {min} {max}", () =>
        Quoted(GrammarNode.Times(Character, min, max)));

    public static GrammarNode Quoted(GrammarNode content) =>
        GrammarNode.All(GrammarNode.Text("\""), content, GrammarNode.Text("\""));

    public GrammarNode Member(GrammarNode key, GrammarNode value) =>
        GrammarNode.All(key, GrammarNode.Text(":"), Space, value);

    /// <summary>The node once more, behind a comma.</summary>
    public GrammarNode Next(GrammarNode node) =>
        GrammarNode.All(GrammarNode.Text(","), Space, node);

    public GrammarNode Braces(GrammarNode content) => GrammarNode.All(
        GrammarNode.Text("{"), Space, content, Space, GrammarNode.Text("}"));

    /// <summary>One or more, with commas between.</summary>
    public GrammarNode Listed(GrammarNode node) =>
        GrammarNode.All(node, GrammarNode.Times(Next(node), 0, null));

    /// <summary>An array: a fixed beginning, of which at least <paramref name="min"/> elements
    /// must be there, then elements of <paramref name="rest"/>, if any.</summary>
    public GrammarNode Array(GrammarNode[] prefix, GrammarNode? rest, int min, int? max)
    {
        int fixedCount = Math.Min(prefix.Length, max ?? int.MaxValue);
        GrammarNode content = GrammarNode.Empty;
        if (rest is not null && (max is null || max > fixedCount))
        {
            int least = Math.Max(0, min - fixedCount);
            int? most = max - fixedCount;
            if (fixedCount > 0)
            {
                content = GrammarNode.Times(Next(rest), least, most);
            }
            else
            {
                content = GrammarNode.All(
                    rest, GrammarNode.Times(Next(rest), Math.Max(0, least - 1), most - 1));
                content = least == 0 ? Optional(content) : content;
            }
        }
        for (int i = fixedCount - 1; i >= 0; i--)
        {
            content = GrammarNode.All(i == 0 ? prefix[0] : Next(prefix[i]), content);
            content = i >= min ? Optional(content) : content;
        }
        return GrammarNode.All(
            GrammarNode.Text("["), Space, content, Space, GrammarNode.Text("]"));
    }

    /// <summary>The JSON text of a value, without blanks.</summary>
    public static GrammarNode Exactly(JsonElement value)
    {
        RuleFacts.CheckStack();
        switch (value.ValueKind)
        {
            case JsonValueKind.String:
                return Quoted(GrammarNode.Text(Escape(value.GetString()!)));
            case JsonValueKind.Object:
                var members = value.EnumerateObject().Select(p => GrammarNode.All(
                    Quoted(GrammarNode.Text(Escape(p.Name))), GrammarNode.Text(":"),
                    Exactly(p.Value)));
                return Joined("{", [.. members], "}");
            case JsonValueKind.Array:
                return Joined("[", [.. value.EnumerateArray().Select(Exactly)], "]");
            default:
                return GrammarNode.Text(value.GetRawText());
        }
    }

    /// <summary>One character of the set, escaped where JSON wants it so.</summary>
    public static GrammarNode Encoded(CodePointSet set)
    {
        var options = new List<GrammarNode> { GrammarNode.OneOf(set.Intersect(Raw)) };
        foreach (var range in set.Except(Raw).Ranges)
        {
            for (int c = range.First; c <= range.Last; c++)
            {
                options.Add(GrammarNode.Text(Escape(((char)c).ToString())));
            }
        }
        return GrammarNode.Any([.. options]);
    }

    public static string Escape(string text)
    {
        var escaped = new StringBuilder();
        foreach (char c in text)
        {
            _ = c switch
            {
                '"' or '\\' => escaped.Append('\\').Append(c),
                '\b' => escaped.Append("\\b"),
                '\f' => escaped.Append("\\f"),
                '\n' => escaped.Append("\\n"),
                '\r' => escaped.Append("\\r"),
                '\t' => escaped.Append("\\t"),
                < ' ' => escaped.Append("\\u00").Append(
                    ((int)c).ToString("x2", System.Globalization.CultureInfo.InvariantCulture)),
                _ => escaped.Append(c),
            };
        }
        return escaped.ToString();
    }

    public static GrammarNode Range(char first, char last) =>
        GrammarNode.OneOf(CodePointSet.Of(new CodePointRange(first, last)));

    private static GrammarNode OneOf(string characters) => GrammarNode.OneOf(
        CodePointSet.Of(characters.Select(c => new CodePointRange(c))));

    private static GrammarNode Optional(GrammarNode node) => GrammarNode.Optional(node);

    private static GrammarNode Joined(string open, GrammarNode[] parts, string close) =>
        GrammarNode.All([GrammarNode.Text(open),
            .. parts.SelectMany((p, i) => i == 0 ? [p] : new[] { GrammarNode.Text(","), p }),
            GrammarNode.Text(close)]);

    private GrammarNode Share(string name, Func<GrammarNode> body)
    {
        if (!_shared.TryGetValue(name, out var node))
        {
            node = Add(name, body());
            _shared.TryAdd(name, node);
        }
        return node;
    }
}
