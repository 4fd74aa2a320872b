using System.Globalization;
using System.Text;

namespace MetalMoe.Core.Text.Grammar;

/// <summary>Reads the GBNF dialect that llama.cpp documents in <c>grammars/README.md</c>.</summary>
internal sealed class GbnfParser
{
    private const string Root = "root";
    private const int MaxNesting = 250;

    private readonly string _text;
    private readonly Dictionary<string, int> _indices = new(StringComparer.Ordinal);
    private readonly List<string> _names = [];
    private readonly List<GrammarNode?> _bodies = [];
    private readonly List<int> _firstUses = [];
    private int _at;
    private int _nesting;

    private GbnfParser(string text) => _text = text;

    private char Current => _at < _text.Length ? _text[_at] : '\0';

    /// <summary>The rules, and the index of the rule named root.</summary>
    public static (GrammarRule[] Rules, int Root) Parse(string text)
    {
        var parser = new GbnfParser(text);
        parser.SkipSpace(newlines: true);
        while (parser._at < text.Length)
        {
            parser.ParseRule();
        }
        var rules = new GrammarRule[parser._bodies.Count];
        for (int i = 0; i < rules.Length; i++)
        {
            rules[i] = new GrammarRule(parser._names[i], parser._bodies[i]
                ?? throw parser.ErrorAt(parser._firstUses[i],
                    $"rule '{parser._names[i]}' is used and not defined"));
        }
        return parser._indices.TryGetValue(Root, out int root)
            ? (rules, root)
            : throw parser.ErrorAt(text.Length, "expected a rule named 'root', got none");
    }

    private void ParseRule()
    {
        int start = _at;
        string name = ParseName();
        int index = IndexOf(name, start);
        if (_bodies[index] is not null)
        {
            throw ErrorAt(start, $"rule '{name}' is defined twice");
        }
        SkipSpace(newlines: false);
        if (!_text.AsSpan(_at).StartsWith("::="))
        {
            throw Unexpected("'::='");
        }
        _at += 3;
        SkipSpace(newlines: true);
        _bodies[index] = ParseAlternatives(nested: false);
        if (_at < _text.Length && Current is not ('\r' or '\n'))
        {
            throw Unexpected("an element, '|' or the end of the line");
        }
        SkipSpace(newlines: true);
    }

    private GrammarNode ParseAlternatives(bool nested)
    {
        var options = new List<GrammarNode> { ParseSequence(nested) };
        while (Current == '|')
        {
            _at++;
            SkipSpace(newlines: true);
            options.Add(ParseSequence(nested));
        }
        return GrammarNode.Any([.. options]);
    }

    private GrammarNode ParseSequence(bool nested)
    {
        var parts = new List<GrammarNode>();
        while (true)
        {
            GrammarNode part;
            switch (Current)
            {
                case '"':
                    part = ParseLiteral();
                    break;
                case '[':
                    part = ParseClass();
                    break;
                case '.':
                    _at++;
                    part = GrammarNode.OneOf(CodePointSet.Any);
                    break;
                case '(':
                    part = ParseGroup();
                    break;
                case '<' or '!':
                    throw ErrorAt(_at,
                        "token references are not supported; write the token's text");
                case '*' or '+' or '?' or '{':
                    throw Unexpected("an element before the repetition");
                default:
                    if (!IsNameCharacter(Current))
                    {
                        return GrammarNode.All([.. parts]);
                    }
                    int start = _at;
                    part = new GrammarNode.Reference(IndexOf(ParseName(), start));
                    break;
            }
            SkipSpace(nested);
            parts.Add(ParseRepetitions(part, nested));
        }
    }

    private GrammarNode ParseRepetitions(GrammarNode part, bool nested)
    {
        while (Current is '*' or '+' or '?' or '{')
        {
            (int min, int? max) = Current switch
            {
                '*' => (0, null),
                '+' => (1, null),
                '?' => (0, (int?)1),
                _ => ParseBraces(nested),
            };
            _at++;
            part = GrammarNode.Times(part, min, max);
            SkipSpace(nested);
        }
        return part;
    }

    /// <summary>Stops on the closing brace.</summary>
    private (int Min, int? Max) ParseBraces(bool nested)
    {
        int start = _at++;
        SkipSpace(nested);
        int min = ParseInteger();
        SkipSpace(nested);
        int? max = min;
        if (Current == ',')
        {
            _at++;
            SkipSpace(nested);
            max = char.IsAsciiDigit(Current) ? ParseInteger() : null;
            SkipSpace(nested);
        }
        if (Current != '}')
        {
            throw Unexpected("'}'");
        }
        return max >= min || max is null
            ? (min, max)
            : throw ErrorAt(start, $"repetition: expected a maximum of {min} or more, got {max}");
    }

    private int ParseInteger()
    {
        int start = _at;
        while (char.IsAsciiDigit(Current))
        {
            _at++;
        }
        if (start == _at)
        {
            throw Unexpected("a number");
        }
        return int.TryParse(_text.AsSpan(start, _at - start), NumberStyles.None,
            CultureInfo.InvariantCulture, out int value) && value <= TextGrammar.MaxRepetition
            ? value
            : throw ErrorAt(start, $"repetition: expected at most {TextGrammar.MaxRepetition}, "
                + $"got {_text.AsSpan(start, Math.Min(_at - start, 20))}");
    }

    private GrammarNode ParseGroup()
    {
        int start = _at++;
        if (++_nesting > MaxNesting)
        {
            throw ErrorAt(start, $"groups: expected at most {MaxNesting} in each other, got more");
        }
        SkipSpace(newlines: true);
        var body = ParseAlternatives(nested: true);
        _nesting--;
        if (Current != ')')
        {
            throw _at < _text.Length
                ? Unexpected("')'") : ErrorAt(start, "group: expected ')', got the end");
        }
        _at++;
        return body;
    }

    private GrammarNode ParseLiteral()
    {
        int start = _at++;
        var text = new StringBuilder();
        while (Current != '"')
        {
            if (_at >= _text.Length)
            {
                throw ErrorAt(start, "literal: expected a closing '\"', got the end");
            }
            text.Append(new Rune(ParseCharacter()).ToString());
        }
        _at++;
        return GrammarNode.Text(text.ToString());
    }

    private GrammarNode ParseClass()
    {
        int start = _at++;
        bool isNegated = Current == '^';
        _at += isNegated ? 1 : 0;
        var ranges = new List<CodePointRange>();
        while (Current != ']')
        {
            if (_at >= _text.Length)
            {
                throw ErrorAt(start, "character class: expected ']', got the end");
            }
            int first = ParseCharacter();
            int last = first;
            if (Current == '-' && _at + 1 < _text.Length && _text[_at + 1] != ']')
            {
                int dash = _at++;
                last = ParseCharacter();
                if (last < first)
                {
                    throw ErrorAt(dash, "character class: the range ends before it begins");
                }
            }
            ranges.Add(new CodePointRange(first, last));
        }
        _at++;
        var set = CodePointSet.Of(ranges);
        return GrammarNode.OneOf(isNegated ? set.Complement() : set);
    }

    private int ParseCharacter()
    {
        int start = _at;
        if (Current != '\\')
        {
            if (Rune.DecodeFromUtf16(_text.AsSpan(_at), out var rune, out int length)
                != System.Buffers.OperationStatus.Done)
            {
                throw ErrorAt(start, "expected a character, got half a surrogate pair");
            }
            _at += length;
            return rune.Value;
        }
        _at++;
        char kind = Current;
        _at++;
        switch (kind)
        {
            case 'n':
                return '\n';
            case 'r':
                return '\r';
            case 't':
                return '\t';
            case '\\' or '"' or '[' or ']':
                return kind;
            case 'x' or 'u' or 'U':
                int digits = kind switch { 'x' => 2, 'u' => 4, _ => 8 };
                if (_at + digits <= _text.Length
                    && int.TryParse(_text.AsSpan(_at, digits), NumberStyles.AllowHexSpecifier,
                        CultureInfo.InvariantCulture, out int value)
                    && Rune.IsValid(value))
                {
                    _at += digits;
                    return value;
                }
                throw ErrorAt(start, $"escape: expected {digits} hexadecimal digits of a code "
                    + "point that is not a surrogate");
            default:
                throw ErrorAt(start, kind == '\0' ? "escape: expected a letter, got the end"
                    : $"escape: expected one of n r t \\ \" [ ] x u U, got '{kind}'");
        }
    }

    private string ParseName()
    {
        int start = _at;
        while (IsNameCharacter(Current))
        {
            _at++;
        }
        return start < _at ? _text[start.._at] : throw Unexpected("the name of a rule");
    }

    private int IndexOf(string name, int use)
    {
        if (!_indices.TryGetValue(name, out int index))
        {
            index = _names.Count;
            _indices.Add(name, index);
            _names.Add(name);
            _bodies.Add(null);
            _firstUses.Add(use);
        }
        return index;
    }

    private void SkipSpace(bool newlines)
    {
        while (_at < _text.Length)
        {
            if (Current == '#')
            {
                while (_at < _text.Length && Current is not ('\r' or '\n'))
                {
                    _at++;
                }
            }
            else if (Current is ' ' or '\t' || (newlines && Current is ('\r' or '\n')))
            {
                _at++;
            }
            else
            {
                break;
            }
        }
    }

    private static bool IsNameCharacter(char c) => char.IsAsciiLetterOrDigit(c) || c == '-';

    private GrammarException Unexpected(string expected)
    {
        string got = _at >= _text.Length ? "the end" : Current switch
        {
            '\r' or '\n' => "the end of the line",
            char c => $"'{c}'",
        };
        return ErrorAt(_at, $"expected {expected}, got {got}");
    }

    private GrammarException ErrorAt(int position, string problem)
    {
        var before = _text.AsSpan(0, Math.Min(position, _text.Length));
        int line = before.Count('\n') + 1;
        return GrammarException.At(line, before.Length - before.LastIndexOf('\n'), problem);
    }
}
