using System.Globalization;
using System.Text;

namespace MetalMoe.Core.Text.Jinja;

/// <summary>Python's <c>str.format</c>: fields, conversions and the format mini-language.</summary>
internal sealed class StringFormat
{
    private readonly RenderContext _context;
    private readonly Arguments _arguments;
    private int _automatic;

    private StringFormat(RenderContext context, Arguments arguments)
    {
        _context = context;
        _arguments = arguments;
    }

    public static string Apply(RenderContext context, string format, Arguments arguments)
    {
        string text = new StringFormat(context, arguments).Run(format, depth: 0);
        context.AllocateText(text.Length);
        return text;
    }

    private string Run(string format, int depth)
    {
        if (depth > 2)
        {
            throw _context.Error("max string recursion exceeded");
        }
        var output = new StringBuilder();
        for (int i = 0; i < format.Length; i++)
        {
            char c = format[i];
            bool doubled = i + 1 < format.Length && format[i + 1] == c;
            if (c is '{' or '}' && doubled)
            {
                output.Append(c);
                i++;
            }
            else if (c == '{')
            {
                int end = FieldEnd(format, i + 1);
                output.Append(Field(format[(i + 1)..end], depth));
                TextTools.RequireFits(_context, output.Length);
                i = end;
            }
            else if (c == '}')
            {
                throw _context.Error("single '}' encountered in format string");
            }
            else
            {
                output.Append(c);
            }
        }
        return output.ToString();
    }

    private int FieldEnd(string format, int start)
    {
        int open = 1;
        for (int i = start; i < format.Length; i++)
        {
            open += format[i] == '{' ? 1 : format[i] == '}' ? -1 : 0;
            if (open == 0)
            {
                return i;
            }
        }
        throw _context.Error("expected '}' before end of string");
    }

    private string Field(string field, int depth)
    {
        int colon = field.IndexOf(':');
        string head = colon < 0 ? field : field[..colon];
        string spec = colon < 0 ? "" : Run(field[(colon + 1)..], depth + 1);
        int mark = head.IndexOf('!');
        string conversion = mark < 0 ? "" : head[(mark + 1)..];
        var value = Value(mark < 0 ? head : head[..mark]);
        value = conversion switch
        {
            "" => value,
            "s" => new StringValue(PythonText.Str(value, _context)),
            "r" or "a" => new StringValue(PythonText.Repr(value, _context)),
            _ => throw _context.Error($"unknown conversion specifier '{conversion}'"),
        };
        _context.Step();
        return new FormatSpec(_context, spec).Format(value);
    }

    private JinjaValue Value(string path)
    {
        int end = path.IndexOfAny(['.', '[']);
        string name = end < 0 ? path : path[..end];
        var value = First(name);
        for (int i = name.Length; i < path.Length;)
        {
            if (path[i] == '.')
            {
                int next = path.IndexOfAny(['.', '['], i + 1);
                next = next < 0 ? path.Length : next;
                value = Attributes.Member(_context, value, path[(i + 1)..next]);
                i = next;
            }
            else
            {
                int close = path.IndexOf(']', i);
                if (path[i] != '[' || close < 0)
                {
                    throw _context.Error("missing ']' in format string");
                }
                string key = path[(i + 1)..close];
                value = Attributes.Element(_context, value, Key(key));
                i = close + 1;
            }
        }
        return value;
    }

    private static JinjaValue Key(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int index)
            ? JinjaValue.From((long)index)
            : new StringValue(text);

    private JinjaValue First(string name)
    {
        if (name.Length > 0 && !char.IsAsciiDigit(name[0]))
        {
            return _arguments.Named.TryGetValue(name, out var named)
                ? named
                : throw _context.Error($"the format's key '{name}' is missing");
        }
        int index = name.Length == 0
            ? _automatic++
            : int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int given)
                ? given
                : int.MaxValue;
        return index < _arguments.Positional.Count
            ? _arguments.Positional[index]
            : throw _context.Error("replacement index out of range for positional arguments");
    }
}

/// <summary><c>[[fill]align][sign][#][0][width][,][.precision][type]</c>.</summary>
internal sealed class FormatSpec
{
    private readonly RenderContext _context;
    private readonly string _fill = " ";
    private readonly char? _align;
    private readonly bool _zeros;
    private readonly int _width;
    private readonly NumberSpec _number;

    public FormatSpec(RenderContext context, string text)
    {
        _context = context;
        int i = 0;
        char At(int index) => index < text.Length ? text[index] : '\0';
        int first = text.Length > 0 ? CodePoints.Width(text, 0) : 0;
        if (first > 0 && At(first) is '<' or '>' or '^' or '=' && first > 0)
        {
            _fill = text[..first];
            _align = At(first);
            i = first + 1;
        }
        else if (At(0) is '<' or '>' or '^' or '=')
        {
            _align = At(i++);
        }
        char sign = At(i) is '+' or '-' or ' ' ? At(i++) : '-';
        bool alternate = At(i) == '#';
        i += alternate ? 1 : 0;
        _zeros = At(i) == '0' && _align is null;
        i += At(i) == '0' ? 1 : 0;
        _width = Number(text, ref i) ?? 0;
        bool grouped = At(i) == ',';
        i += grouped ? 1 : 0;
        int? precision = null;
        if (At(i) == '.')
        {
            i++;
            precision = Number(text, ref i)
                ?? throw context.Error("format specifier missing precision");
        }
        char type = At(i);
        i += type == '\0' ? 0 : 1;
        if (i < text.Length)
        {
            throw context.Error($"invalid format specifier '{text}'");
        }
        _number = new NumberSpec(sign, alternate, grouped, precision, type);
    }

    private static int? Number(string text, ref int index)
    {
        int? number = null;
        for (; index < text.Length && char.IsAsciiDigit(text[index]); index++)
        {
            number = Math.Min((number ?? 0) * 10 + (text[index] - '0'), 100_000_000);
        }
        return number;
    }

    public string Format(JinjaValue value)
    {
        bool isNumber = value is IntValue or FloatValue
            || value is BoolValue && _number.Type is not ('\0' or 's');
        string text = isNumber ? FormatNumber(value) : FormatText(value);
        if (_zeros && isNumber)
        {
            return NumberFormat.PadZeros(_context, text, _width);
        }
        char align = _align ?? (isNumber ? '>' : '<');
        if (align == '=')
        {
            int head = text.Length > 0 && text[0] is '-' or '+' or ' ' ? 1 : 0;
            var digits = new StringValue(text[head..]);
            return text[..head]
                + TextTools.Pad(_context, digits, _width - head, _fill, '>').Text;
        }
        return TextTools.Pad(_context, new StringValue(text), _width, _fill, align).Text;
    }

    private string FormatText(JinjaValue value)
    {
        if (value is not StringValue && _number.Type is not ('\0' or 's'))
        {
            throw Unknown(value);
        }
        if (value is StringValue && _number.Type is not ('\0' or 's'))
        {
            throw Unknown(value);
        }
        string text = PythonText.Str(value, _context);
        var whole = new StringValue(text);
        return _number.Precision < whole.Length
            ? text[..CodePoints.Offset(whole, _number.Precision.Value)]
            : text;
    }

    private JinjaException Unknown(JinjaValue value) => _context.Error(
        $"unknown format code '{_number.Type}' for object of type '{value.TypeName}'");

    private string FormatNumber(JinjaValue value)
    {
        char type = _number.Type;
        if (type is 'd' or 'x' or 'X' or 'o' or 'b' or 'n' || type == '\0' && value is IntValue)
        {
            return value is not FloatValue
                ? NumberFormat.Integer(
                    _context, Equality.Integer(value), _number with { Precision = null })
                : throw Unknown(value);
        }
        double number = Operators.Double(_context, value);
        switch (type)
        {
            case '\0' when _number.Precision is null:
                string text = PythonText.Number(Math.Abs(number));
                return NumberSpec.WithSign(text, double.IsNegative(number), _number.Sign);
            case '\0' or 'g' or 'G' or 'f' or 'F' or 'e' or 'E':
                return NumberFormat.Float(
                    _context, number, type == '\0' ? _number with { Type = 'g' } : _number);
            case '%':
                return NumberFormat.Float(
                    _context, number * 100, _number with { Type = 'f' }) + "%";
            default:
                throw Unknown(value);
        }
    }
}
