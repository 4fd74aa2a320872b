using System.Globalization;
using System.Text;

namespace MetalMoe.Core.Text.Grammar;

/// <summary>
/// Regular expressions of JSON schemas (ECMA-262), as far as they describe regular languages
/// without look-around, compiled to the content of a JSON string.
/// </summary>
internal sealed class SchemaPattern
{
    private const int MaxNesting = 250;

    private static readonly CodePointSet _digits = CodePointSet.Of(new CodePointRange('0', '9'));

    private static readonly CodePointSet _words = CodePointSet.Of(
        new CodePointRange('0', '9'), new CodePointRange('A', 'Z'),
        new CodePointRange('a', 'z'), new CodePointRange('_'));

    // Source: ECMA-262, WhiteSpace and LineTerminator.
    private static readonly CodePointSet _spaces = CodePointSet.Of(
        new CodePointRange('\t', '\r'), new CodePointRange(' '), new CodePointRange(0xA0),
        new CodePointRange(0x1680), new CodePointRange(0x2000, 0x200A),
        new CodePointRange(0x2028, 0x2029), new CodePointRange(0x202F),
        new CodePointRange(0x205F), new CodePointRange(0x3000), new CodePointRange(0xFEFF));

    private static readonly CodePointSet _lineEnds = CodePointSet.Of(
        new CodePointRange('\n'), new CodePointRange('\r'), new CodePointRange(0x2028, 0x2029));

    private readonly string _text;
    private readonly string _pointer;
    private readonly GrammarNode _any;
    private int _at;
    private int _nesting;

    private SchemaPattern(string text, string pointer, GrammarNode any)
    {
        _text = text;
        _pointer = pointer;
        _any = any;
    }

    private char Current => _at < _text.Length ? _text[_at] : '\0';

    private bool IsAtEnd => _at >= _text.Length;

    /// <summary>The content of strings that match.</summary>
    /// <param name="pattern">The regular expression.</param>
    /// <param name="pointer">Where it stands, for errors.</param>
    /// <param name="anyCharacter">What stands for any character of a string.</param>
    public static GrammarNode Compile(string pattern, string pointer, GrammarNode anyCharacter)
    {
        var parser = new SchemaPattern(pattern, pointer, anyCharacter);
        var options = new List<GrammarNode>();
        do
        {
            options.Add(parser.ParseOutermost());
        }
        while (parser.Take('|'));
        return parser.IsAtEnd
            ? GrammarNode.Any([.. options]) : throw parser.Refuse("an unmatched ')'");
    }

    /// <summary>An alternative that may hold anchors; without one, anything may stand there.
    /// </summary>
    private GrammarNode ParseOutermost()
    {
        var anything = GrammarNode.Times(_any, 0, null);
        var parts = new List<GrammarNode>();
        if (!Take('^'))
        {
            parts.Add(anything);
        }
        parts.Add(ParseSequence());
        if (!Take('$'))
        {
            parts.Add(anything);
        }
        else if (!IsAtEnd && Current != '|')
        {
            throw Refuse("'$' before the end of an alternative");
        }
        return GrammarNode.All([.. parts]);
    }

    private GrammarNode ParseAlternatives()
    {
        var options = new List<GrammarNode>();
        do
        {
            options.Add(ParseSequence());
        }
        while (Take('|'));
        return GrammarNode.Any([.. options]);
    }

    private GrammarNode ParseSequence()
    {
        var parts = new List<GrammarNode>();
        while (!IsAtEnd && Current is not ('|' or ')' or '$'))
        {
            parts.Add(ParseRepetition(ParseAtom()));
        }
        return GrammarNode.All([.. parts]);
    }

    private GrammarNode ParseAtom()
    {
        switch (Current)
        {
            case '(':
                return ParseGroup();
            case '[':
                return JsonRules.Encoded(ParseClass());
            case '.':
                _at++;
                return JsonRules.Encoded(_lineEnds.Complement());
            case '^':
                throw Refuse("'^' behind the beginning of an alternative");
            case '*' or '+' or '?' or '{' or '}' or ']':
                throw Refuse($"'{Current}' without something before it");
            default:
                return JsonRules.Encoded(ParseOne());
        }
    }

    private GrammarNode ParseGroup()
    {
        _at++;
        if (Take('?') && !Take(':'))
        {
            bool isNamed = Take('<') && Current is not ('=' or '!');
            int end = isNamed ? _text.IndexOf('>', _at) : -1;
            if (end < 0)
            {
                throw Refuse("look-around or flags");
            }
            _at = end + 1;
        }
        if (++_nesting > MaxNesting)
        {
            throw Refuse($"more than {MaxNesting} groups in each other");
        }
        var body = ParseAlternatives();
        _nesting--;
        return Take(')') ? body : throw Refuse(IsAtEnd ? "a missing ')'" : "'$' inside a group");
    }

    private GrammarNode ParseRepetition(GrammarNode atom)
    {
        (int Min, int? Max) times;
        switch (Current)
        {
            case '*':
                times = (0, null);
                break;
            case '+':
                times = (1, null);
                break;
            case '?':
                times = (0, 1);
                break;
            case '{':
                _at++;
                int min = ParseCount();
                int? max = min;
                if (Take(','))
                {
                    max = Current == '}' ? null : ParseCount();
                }
                if (Current != '}' || max < min)
                {
                    throw Refuse("a repetition that is not {m}, {m,} or {m,n}");
                }
                times = (min, max);
                break;
            default:
                return atom;
        }
        _at++;
        // Lazy or not, the same strings match.
        Take('?');
        return Current is '*' or '+' or '?' or '{'
            ? throw Refuse("a repetition of a repetition")
            : GrammarNode.Times(atom, times.Min, times.Max);
    }

    private int ParseCount()
    {
        int start = _at;
        while (char.IsAsciiDigit(Current))
        {
            _at++;
        }
        return int.TryParse(_text.AsSpan(start, _at - start), NumberStyles.None,
            CultureInfo.InvariantCulture, out int value) && value <= TextGrammar.MaxRepetition
            ? value
            : throw Refuse($"a repetition that is not at most {TextGrammar.MaxRepetition}");
    }

    private CodePointSet ParseClass()
    {
        _at++;
        bool isNegated = Take('^');
        var set = CodePointSet.Of();
        while (!Take(']'))
        {
            if (IsAtEnd)
            {
                throw Refuse("a missing ']'");
            }
            var first = ParseOne();
            if (Current == '-' && _at + 1 < _text.Length && _text[_at + 1] != ']')
            {
                _at++;
                var last = ParseOne();
                if (Only(first) is not { } from || Only(last) is not { } to || to < from)
                {
                    throw Refuse("a range whose ends are not characters in order");
                }
                first = CodePointSet.Of(new CodePointRange(from, to));
            }
            set = set.Union(first);
        }
        return isNegated ? set.Complement() : set;
    }

    private static int? Only(CodePointSet set) =>
        set.Ranges.Count == 1 && set.Ranges[0].First == set.Ranges[0].Last
            ? set.Ranges[0].First : null;

    /// <summary>A character, or an escape that stands for one or a set.</summary>
    private CodePointSet ParseOne()
    {
        if (Current != '\\')
        {
            if (Rune.DecodeFromUtf16(_text.AsSpan(_at), out var rune, out int length)
                != System.Buffers.OperationStatus.Done)
            {
                throw Refuse("half a surrogate pair");
            }
            _at += length;
            return CodePointSet.Of(new CodePointRange(rune.Value));
        }
        _at++;
        char kind = Current;
        _at++;
        return kind switch
        {
            'd' => _digits,
            'D' => _digits.Complement(),
            'w' => _words,
            'W' => _words.Complement(),
            's' => _spaces,
            'S' => _spaces.Complement(),
            'n' => One('\n'),
            'r' => One('\r'),
            't' => One('\t'),
            'f' => One('\f'),
            'v' => One('\v'),
            '0' when !char.IsAsciiDigit(Current) => One('\0'),
            'x' => ParseHex(2),
            'u' when Current == '{' => ParseBracedHex(),
            'u' => ParseHex(4),
            _ when !IsPastEnd() && char.IsAscii(kind) && !char.IsAsciiLetterOrDigit(kind)
                => One(kind),
            _ => throw Refuse($"the escape '\\{kind}'"),
        };
    }

    private bool IsPastEnd() => _at > _text.Length;

    private static CodePointSet One(char c) => CodePointSet.Of(new CodePointRange(c));

    private CodePointSet ParseHex(int digits)
    {
        if (_at + digits > _text.Length)
        {
            throw Refuse("an escape that ends early");
        }
        var text = _text.AsSpan(_at, digits);
        _at += digits;
        return ToSet(text);
    }

    private CodePointSet ParseBracedHex()
    {
        int end = _text.IndexOf('}', _at);
        if (end < 0)
        {
            throw Refuse("an escape that ends early");
        }
        var text = _text.AsSpan(_at + 1, end - _at - 1);
        _at = end + 1;
        return ToSet(text);
    }

    private CodePointSet ToSet(ReadOnlySpan<char> hex) =>
        int.TryParse(hex, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture,
            out int value) && Rune.IsValid(value)
            ? CodePointSet.Of(new CodePointRange(value))
            : throw Refuse("an escape that is not a code point");

    private bool Take(char c)
    {
        bool isThere = !IsAtEnd && Current == c;
        _at += isThere ? 1 : 0;
        return isThere;
    }

    private GrammarException Refuse(string what) => GrammarException.InSchema(
        _pointer, $"pattern: {what} is not supported, at character {_at + 1}");
}
