using System.Globalization;
using System.Text;

namespace MetalMoe.Core.Text.Jinja;

internal enum TokenKind
{
    Data,
    BlockBegin,
    BlockEnd,
    VariableBegin,
    VariableEnd,
    Name,
    String,
    Integer,
    Float,
    Operator,
    End,
}

/// <summary>A token; its text is decoded for strings and as written for the rest.</summary>
internal readonly record struct Token(TokenKind Kind, string Text, int Offset)
{
    public bool IsOperator(string text) => Kind == TokenKind.Operator && Text == text;

    public bool IsName(string text) => Kind == TokenKind.Name && Text == text;

    public string Describe() => Kind switch
    {
        TokenKind.End => "end of template",
        TokenKind.BlockEnd => "end of statement block",
        TokenKind.VariableEnd => "end of print statement",
        TokenKind.Data => "template data / text",
        _ => $"'{Text}'",
    };
}

/// <summary>
/// Cuts a template into tokens with the whitespace rules that chat templates are written for:
/// <c>trim_blocks</c> (a newline after a block or comment goes) and <c>lstrip_blocks</c> (blanks
/// before a block or comment at the start of a line go), a <c>-</c> strips everything and a
/// <c>+</c> nothing; one newline at the very end is dropped.
/// </summary>
internal sealed class Lexer
{
    private readonly SourceText _source;
    private readonly string _text;
    private readonly List<Token> _tokens = [];
    private readonly Stack<char> _brackets = [];
    private int _position;

    private Lexer(SourceText source)
    {
        _source = source;
        _text = source.Text;
    }

    public static List<Token> Run(SourceText source)
    {
        var lexer = new Lexer(source);
        lexer.ReadTemplate();
        return lexer._tokens;
    }

    private char Peek(int ahead = 0) =>
        _position + ahead < _text.Length ? _text[_position + ahead] : '\0';

    private bool At(string expected) =>
        _text.AsSpan(_position).StartsWith(expected, StringComparison.Ordinal);

    private void ReadTemplate()
    {
        while (_position < _text.Length)
        {
            int open = FindOpening();
            if (open < 0)
            {
                AddData(_position, _text.Length);
                _position = _text.Length;
                break;
            }
            int start = _position;
            char kind = _text[open + 1];
            char sign = open + 2 < _text.Length ? _text[open + 2] : '\0';
            AddData(start, StripEnd(start, open, sign, kind != '{'));
            _position = open + (sign is '-' or '+' ? 3 : 2);
            switch (kind)
            {
                case '#':
                    SkipComment(open);
                    break;
                case '%' when TryOpenRaw():
                    ReadRaw(open);
                    break;
                case '%':
                    Add(TokenKind.BlockBegin, "{%", open);
                    ReadTag(open, isBlock: true);
                    break;
                default:
                    Add(TokenKind.VariableBegin, "{{", open);
                    ReadTag(open, isBlock: false);
                    break;
            }
        }
        Add(TokenKind.End, "", _text.Length);
    }

    private int FindOpening()
    {
        for (int i = _position; ; i++)
        {
            i = _text.IndexOf('{', i);
            if (i < 0 || i + 1 >= _text.Length)
            {
                return -1;
            }
            if (_text[i + 1] is '%' or '{' or '#')
            {
                return i;
            }
        }
    }

    /// <summary>Where the text before a tag ends once whitespace control has had its say.</summary>
    private int StripEnd(int start, int end, char sign, bool lstrip)
    {
        if (sign == '-')
        {
            while (end > start && CodePoints.IsSpace(_text[end - 1]))
            {
                end--;
            }
            return end;
        }
        if (sign == '+' || !lstrip)
        {
            return end;
        }
        int line = end;
        while (line > start && _text[line - 1] != '\n' && CodePoints.IsSpace(_text[line - 1]))
        {
            line--;
        }
        bool atLineStart = line == 0 || _text[line - 1] == '\n';
        return atLineStart ? line : end;
    }

    private void AddData(int start, int end)
    {
        if (end > start)
        {
            Add(TokenKind.Data, _text[start..end], start);
        }
    }

    private void Add(TokenKind kind, string text, int offset) =>
        _tokens.Add(new Token(kind, text, offset));

    private void SkipSpace()
    {
        while (_position < _text.Length && CodePoints.IsSpace(_text[_position]))
        {
            _position++;
        }
    }

    private void SkipComment(int open)
    {
        int close = _text.IndexOf("#}", _position, StringComparison.Ordinal);
        if (close < 0)
        {
            throw _source.SyntaxError(open, "missing end of comment tag");
        }
        char sign = close > _position ? _text[close - 1] : '\0';
        _position = close + 2;
        AfterBlock(sign);
    }

    private void AfterBlock(char sign)
    {
        if (sign == '-')
        {
            SkipSpace();
        }
        else if (sign != '+' && Peek() == '\n')
        {
            _position++;
        }
    }

    /// <summary>Consumes <c>raw %}</c> after an opening, if that is what follows.</summary>
    private bool TryOpenRaw()
    {
        int start = _position;
        SkipSpace();
        if (At("raw"))
        {
            _position += 3;
            SkipSpace();
            if (At("-%}"))
            {
                _position += 3;
                SkipSpace();
                return true;
            }
            if (At("%}"))
            {
                _position += 2;
                return true;
            }
        }
        _position = start;
        return false;
    }

    private void ReadRaw(int open)
    {
        int start = _position;
        for (int tag = start; ; tag += 2)
        {
            tag = _text.IndexOf("{%", tag, StringComparison.Ordinal);
            if (tag < 0)
            {
                throw _source.SyntaxError(open, "missing end of raw directive");
            }
            _position = tag + 2;
            char sign = Peek();
            _position += sign is '-' or '+' ? 1 : 0;
            SkipSpace();
            if (!At("endraw"))
            {
                continue;
            }
            _position += 6;
            SkipSpace();
            char close = Peek();
            _position += close is '-' or '+' ? 1 : 0;
            if (At("%}"))
            {
                _position += 2;
                AfterBlock(close);
                AddData(start, StripEnd(start, tag, sign, lstrip: true));
                return;
            }
        }
    }

    private void ReadTag(int open, bool isBlock)
    {
        _brackets.Clear();
        while (true)
        {
            SkipSpace();
            if (_position >= _text.Length)
            {
                throw _source.SyntaxError(
                    open, $"unexpected end of template, this {(isBlock ? "{%" : "{{")} is open");
            }
            if (_brackets.Count == 0 && TryClose(isBlock))
            {
                return;
            }
            ReadToken();
        }
    }

    private bool TryClose(bool isBlock)
    {
        int start = _position;
        char sign = Peek();
        string close = isBlock ? "%}" : "}}";
        int skip = sign == '-' || isBlock && sign == '+' ? 1 : 0;
        if (!_text.AsSpan(Math.Min(start + skip, _text.Length)).StartsWith(close))
        {
            return false;
        }
        _position += skip + 2;
        if (isBlock)
        {
            AfterBlock(skip == 1 ? sign : '\0');
        }
        else if (skip == 1)
        {
            SkipSpace();
        }
        Add(isBlock ? TokenKind.BlockEnd : TokenKind.VariableEnd, close, start);
        return true;
    }

    private void ReadToken()
    {
        int start = _position;
        char c = Peek();
        if (char.IsAsciiDigit(c))
        {
            ReadNumber();
        }
        else if (c == '_' || char.IsLetter(c))
        {
            while (Peek() == '_' || char.IsLetterOrDigit(Peek()))
            {
                _position++;
            }
            Add(TokenKind.Name, _text[start.._position], start);
        }
        else if (c is '\'' or '"')
        {
            Add(TokenKind.String, ReadString(), start);
        }
        else
        {
            ReadOperator();
        }
    }

    private void ReadOperator()
    {
        int start = _position;
        string two = _text.Substring(start, Math.Min(2, _text.Length - start));
        string text = two is "//" or "**" or "==" or "!=" or ">=" or "<=" ? two : two[..1];
        if (!"+-/*%~[](){}=><.:|,;!".Contains(text[0]) || text == "!")
        {
            throw _source.SyntaxError(start, $"unexpected character '{text}'");
        }
        switch (text[0])
        {
            case '(' or '[' or '{':
                _brackets.Push(text[0] switch { '(' => ')', '[' => ']', _ => '}' });
                break;
            case ')' or ']' or '}' when !_brackets.TryPop(out char expected) || expected != text[0]:
                throw _source.SyntaxError(start, $"unexpected '{text}'");
        }
        _position += text.Length;
        Add(TokenKind.Operator, text, start);
    }

    private void ReadNumber()
    {
        int start = _position;
        char marker = char.ToLowerInvariant(Peek(1));
        if (Peek() == '0' && marker is 'b' or 'o' or 'x'
            && IsDigitOf(marker, Peek(2) == '_' ? Peek(3) : Peek(2)))
        {
            _position += 2;
            SkipDigits(c => IsDigitOf(marker, c));
            Add(TokenKind.Integer, _text[start.._position].Replace("_", ""), start);
            return;
        }
        SkipDigits(char.IsAsciiDigit);
        bool isFloat = false;
        if (start == 0 || _text[start - 1] != '.')
        {
            if (Peek() == '.' && char.IsAsciiDigit(Peek(1)))
            {
                _position++;
                SkipDigits(char.IsAsciiDigit);
                isFloat = true;
            }
            int sign = Peek(1) is '+' or '-' ? 2 : 1;
            if (Peek() is 'e' or 'E' && char.IsAsciiDigit(Peek(sign)))
            {
                _position += sign;
                SkipDigits(char.IsAsciiDigit);
                isFloat = true;
            }
        }
        string text = _text[start.._position].Replace("_", "");
        if (!isFloat && text.Length > 1 && text[0] == '0' && text.AsSpan().Trim('0').Length > 0)
        {
            throw _source.SyntaxError(start, $"an integer cannot start with 0, got {text}");
        }
        Add(isFloat ? TokenKind.Float : TokenKind.Integer, text, start);
    }

    private void SkipDigits(Func<char, bool> isDigit)
    {
        while (isDigit(Peek()) || Peek() == '_' && isDigit(Peek(1)))
        {
            _position++;
        }
    }

    private static bool IsDigitOf(char marker, char c) => marker switch
    {
        'b' => c is '0' or '1',
        'o' => c is >= '0' and <= '7',
        _ => char.IsAsciiHexDigit(c),
    };

    private string ReadString()
    {
        int start = _position;
        char quote = Peek();
        _position++;
        int end = _position;
        while (end < _text.Length && _text[end] != quote)
        {
            end += _text[end] == '\\' ? 2 : 1;
        }
        if (end >= _text.Length)
        {
            throw _source.SyntaxError(start, "string without its closing quote");
        }
        string body = _text[_position..end];
        _position = end + 1;
        return body.Contains('\\') ? Unescape(body, start + 1) : body;
    }

    /// <summary>Python's escapes; an unknown one stays as it is written.</summary>
    private string Unescape(string body, int offset)
    {
        var result = new StringBuilder(body.Length);
        for (int i = 0; i < body.Length; i++)
        {
            if (body[i] != '\\')
            {
                result.Append(body[i]);
                continue;
            }
            char c = body[++i];
            int digits = c switch { 'x' => 2, 'u' => 4, 'U' => 8, _ => 0 };
            if (digits > 0)
            {
                AppendHex(result, body, i + 1, digits, offset + i);
                i += digits;
            }
            else if (c is >= '0' and <= '7')
            {
                int length = 1;
                while (length < 3 && i + length < body.Length
                    && body[i + length] is >= '0' and <= '7')
                {
                    length++;
                }
                result.Append((char)Convert.ToInt32(body.Substring(i, length), 8));
                i += length - 1;
            }
            else if (c != '\n')
            {
                result.Append(c switch
                {
                    'n' => "\n",
                    't' => "\t",
                    'r' => "\r",
                    'a' => "\a",
                    'b' => "\b",
                    'f' => "\f",
                    'v' => "\v",
                    '\\' or '\'' or '"' => c.ToString(),
                    _ => "\\" + c,
                });
            }
        }
        return result.ToString();
    }

    private void AppendHex(StringBuilder result, string body, int start, int digits, int offset)
    {
        if (start + digits > body.Length || !uint.TryParse(body.AsSpan(start, digits),
            NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out uint value)
            || value > 0x10ffff)
        {
            throw _source.SyntaxError(offset, "truncated or invalid hexadecimal escape");
        }
        result.Append(
            value < 0x10000 ? ((char)value).ToString() : char.ConvertFromUtf32((int)value));
    }
}
