using System.Globalization;
using System.Numerics;
using System.Text;

namespace MetalMoe.Core.Text.Jinja;

/// <summary>Python's <c>%</c> operator on strings, and the <c>format</c> filter.</summary>
internal sealed class PrintfFormat
{
    private readonly RenderContext _context;
    private readonly string _format;
    private readonly JinjaValue _values;
    private readonly StringBuilder _output = new();
    private int _position;
    private int _used;

    private PrintfFormat(RenderContext context, string format, JinjaValue values)
    {
        _context = context;
        _format = format;
        _values = values;
    }

    public static StringValue Filter(RenderContext context, JinjaValue value, Arguments arguments)
    {
        if (arguments.Positional.Count > 0 && arguments.Named.Count > 0)
        {
            throw context.Error(
                "can't handle positional and keyword arguments at the same time");
        }
        var values = arguments.Named.Count > 0
            ? JinjaValue.From(arguments.Named)
            : context.List(arguments.Positional, isTuple: true);
        return Apply(context, new StringValue(PythonText.Str(value, context)), values);
    }

    public static StringValue Apply(RenderContext context, JinjaValue format, JinjaValue values)
    {
        var formatter = new PrintfFormat(context, ((StringValue)format).Text, values);
        formatter.Run();
        return context.Text(formatter._output.ToString());
    }

    private void Run()
    {
        while (_position < _format.Length)
        {
            int mark = _format.IndexOf('%', _position);
            mark = mark < 0 ? _format.Length : mark;
            _output.Append(_format, _position, mark - _position);
            _position = mark + 1;
            if (mark < _format.Length)
            {
                Convert();
            }
        }
        bool all = _values is ListValue { IsTuple: true } tuple
            ? _used >= tuple.Items.Count
            : _used > 0
                || _values is DictValue or ListValue or RangeValue or UndefinedValue;
        if (!all)
        {
            throw _context.Error("not all arguments converted during string formatting");
        }
    }

    private char Take() => _position < _format.Length
        ? _format[_position++]
        : throw _context.Error("incomplete format");

    private JinjaValue NextValue()
    {
        if (_values is ListValue { IsTuple: true } tuple)
        {
            return _used < tuple.Items.Count
                ? tuple.Items[_used++]
                : throw _context.Error("not enough arguments for format string");
        }
        return _used++ == 0
            ? _values
            : throw _context.Error("not enough arguments for format string");
    }

    private void Convert()
    {
        JinjaValue? named = null;
        if (_position < _format.Length && _format[_position] == '(')
        {
            int end = _format.IndexOf(')', _position);
            if (end < 0 || _values is not DictValue dict)
            {
                throw _context.Error("format requires a mapping");
            }
            string name = _format[(_position + 1)..end];
            named = dict.Find(new StringValue(name))
                ?? throw _context.Error($"the format's key '{name}' is missing");
            _position = end + 1;
        }
        char c = Take();
        string flags = "";
        for (; "-+ #0".Contains(c); c = Take())
        {
            flags += flags.Contains(c) ? "" : c;
        }
        int width = TakeNumber(ref c) ?? 0;
        int? precision = null;
        if (c == '.')
        {
            c = Take();
            precision = TakeNumber(ref c) ?? 0;
        }
        if (width < 0)
        {
            flags += "-";
            width = -width;
        }
        if (c == '%')
        {
            _output.Append('%');
            return;
        }
        Append(c, flags, width, precision, named);
    }

    private int? TakeNumber(ref char c)
    {
        if (c == '*')
        {
            int given = TextTools.RequireInt(_context, NextValue(), "%");
            c = Take();
            return given;
        }
        int? number = null;
        for (; char.IsAsciiDigit(c); c = Take())
        {
            number = Math.Min((number ?? 0) * 10 + (c - '0'), 100_000_000);
        }
        return number;
    }

    private void Append(char type, string flags, int width, int? precision, JinjaValue? named)
    {
        var value = named ?? NextValue();
        char sign = flags.Contains('+') ? '+' : flags.Contains(' ') ? ' ' : '-';
        var spec = new NumberSpec(sign, flags.Contains('#'), false, precision, type);
        string text;
        switch (type)
        {
            case 's' or 'r' or 'a':
                text = type == 's' ? PythonText.Str(value, _context)
                    : PythonText.Repr(value, _context);
                var whole = new StringValue(text);
                text = precision < whole.Length
                    ? text[..CodePoints.Offset(whole, precision.Value)]
                    : text;
                break;
            case 'c':
                text = value is StringValue { Length: 1 } one ? one.Text
                    : throw _context.Error("%c requires a single character");
                break;
            case 'd' or 'i' or 'u' or 'x' or 'X' or 'o':
                text = NumberFormat.Integer(_context, Whole(type, value), spec);
                break;
            case 'f' or 'F' or 'e' or 'E' or 'g' or 'G':
                text = Equality.IsNumber(value)
                    ? NumberFormat.Float(_context, Operators.Double(_context, value),
                        spec with { Precision = precision ?? 6 })
                    : throw Mismatch(value, "a real number is required, not ");
                break;
            default:
                throw _context.Error($"unsupported format character '{type}'");
        }
        bool zeros = flags.Contains('0') && !flags.Contains('-') && type is not ('s' or 'r' or 'c');
        var padded = zeros
            ? NumberFormat.PadZeros(_context, text, width)
            : TextTools.Pad(
                _context, new StringValue(text), width, " ", flags.Contains('-') ? '<' : '>').Text;
        _output.Append(padded);
        TextTools.RequireFits(_context, _output.Length);
    }

    private BigInteger Whole(char type, JinjaValue value) => value switch
    {
        BoolValue or IntValue => Equality.Integer(value),
        FloatValue number when type is 'd' or 'i' or 'u' && double.IsFinite(number.Value) =>
            new BigInteger(number.Value),
        _ => throw Mismatch(value, $"%{type} format: a number is required, not "),
    };

    private JinjaException Mismatch(JinjaValue value, string problem) => value is UndefinedValue
        ? Operators.Undefined(_context, value)
        : _context.Error(problem + value.TypeName);
}

/// <summary>How a number is written: sign, alternate form, grouping, precision and type.</summary>
internal readonly record struct NumberSpec(
    char Sign, bool Alternate, bool Grouped, int? Precision, char Type)
{
    public static string WithSign(string digits, bool negative, char sign) =>
        negative ? "-" + digits : sign is '+' or ' ' ? sign + digits : digits;
}

/// <summary>The number formats that <c>%</c> and <c>format</c> share.</summary>
internal static class NumberFormat
{
    public static string Integer(RenderContext context, BigInteger value, NumberSpec spec)
    {
        var magnitude = BigInteger.Abs(value);
        string digits = spec.Type switch
        {
            'x' or 'X' => Radix(magnitude, 16),
            'o' => Radix(magnitude, 8),
            'b' => Radix(magnitude, 2),
            _ => magnitude.ToString(CultureInfo.InvariantCulture),
        };
        if (spec.Grouped)
        {
            digits = Group(digits);
        }
        if (spec.Precision is { } precision && digits.Length < precision)
        {
            context.AllocateText(precision);
            digits = digits.PadLeft(precision, '0');
        }
        if (spec.Alternate && spec.Type is 'x' or 'X' or 'o' or 'b' && spec.Alternate)
        {
            digits = "0" + char.ToLowerInvariant(spec.Type) + digits;
        }
        digits = spec.Type == 'X' ? digits.ToUpperInvariant() : digits;
        return NumberSpec.WithSign(digits, value.Sign < 0, spec.Sign);
    }

    public static string Float(RenderContext context, double value, NumberSpec spec)
    {
        bool negative = value < 0 || value == 0 && double.IsNegative(value);
        double magnitude = Math.Abs(value);
        int precision = spec.Precision ?? 6;
        if (precision > 10_000)
        {
            throw context.Limit("a number with more than 10000 decimals");
        }
        context.AllocateText(precision + 330);
        string text;
        if (!double.IsFinite(value))
        {
            text = double.IsNaN(value) ? "nan" : "inf";
            negative = negative && !double.IsNaN(value);
        }
        else
        {
            text = char.ToLowerInvariant(spec.Type) switch
            {
                'e' => Exponential(magnitude, precision),
                'g' => General(magnitude, Math.Max(precision, 1), spec.Alternate),
                _ => Fixed(magnitude, precision),
            };
        }
        if (spec.Grouped && double.IsFinite(value))
        {
            int end = text.IndexOfAny(['.', 'e']);
            end = end < 0 ? text.Length : end;
            text = Group(text[..end]) + text[end..];
        }
        text = char.IsAsciiLetterUpper(spec.Type) ? text.ToUpperInvariant() : text;
        return NumberSpec.WithSign(text, negative, spec.Sign);
    }

    public static string PadZeros(RenderContext context, string text, int width)
    {
        if (text.Length >= width)
        {
            return text;
        }
        context.AllocateText(width);
        int head = text.Length > 0 && text[0] is '-' or '+' or ' ' ? 1 : 0;
        head += text.Length > head + 1 && text[head] == '0' && text[head + 1] is 'x' or 'X' or 'o'
            ? 2
            : 0;
        return text[..head] + text[head..].PadLeft(width - head, '0');
    }

    private static string Radix(BigInteger value, int radix)
    {
        if (value.IsZero)
        {
            return "0";
        }
        var digits = new StringBuilder();
        for (; !value.IsZero; value /= radix)
        {
            digits.Insert(0, "0123456789abcdef"[(int)(value % radix)]);
        }
        return digits.ToString();
    }

    private static string Group(string digits)
    {
        var output = new StringBuilder(digits);
        for (int i = digits.Length - 3; i > 0; i -= 3)
        {
            output.Insert(i, ',');
        }
        return output.ToString();
    }

    /// <summary>Fixed decimals of the exact value, ties to even.</summary>
    private static string Fixed(double value, int precision)
    {
        long bits = BitConverter.DoubleToInt64Bits(value);
        int exponent = (int)(bits >> 52);
        var numerator = new BigInteger((bits & 0xfffffffffffff) | (exponent > 0 ? 1L << 52 : 0))
            * BigInteger.Pow(10, precision);
        int shift = Math.Max(exponent, 1) - 1075;
        BigInteger scaled;
        if (shift >= 0)
        {
            scaled = numerator << shift;
        }
        else
        {
            var denominator = BigInteger.One << -shift;
            scaled = BigInteger.DivRem(numerator, denominator, out var rest);
            int order = (rest * 2).CompareTo(denominator);
            scaled += order > 0 || order == 0 && !scaled.IsEven ? 1 : 0;
        }
        string digits = scaled.ToString(CultureInfo.InvariantCulture).PadLeft(precision + 1, '0');
        return precision == 0 ? digits : digits[..^precision] + "." + digits[^precision..];
    }

    private static string Exponential(double value, int precision)
    {
        string text = value.ToString(
            "e" + precision.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
        int mark = text.IndexOf('e');
        int exponent = int.Parse(text.AsSpan(mark + 1), CultureInfo.InvariantCulture);
        return text[..mark] + "e" + (exponent < 0 ? "-" : "+")
            + Math.Abs(exponent).ToString("00", CultureInfo.InvariantCulture);
    }

    private static string General(double value, int precision, bool keepZeros)
    {
        if (value == 0)
        {
            return keepZeros ? "0." + new string('0', precision - 1) : "0";
        }
        string scientific = Exponential(value, precision - 1);
        int mark = scientific.IndexOf('e');
        int exponent = int.Parse(scientific.AsSpan(mark + 1), CultureInfo.InvariantCulture);
        bool isFixed = exponent >= -4 && exponent < precision;
        string mantissa = isFixed ? Fixed(value, precision - 1 - exponent) : scientific[..mark];
        if (!keepZeros && mantissa.Contains('.'))
        {
            mantissa = mantissa.TrimEnd('0').TrimEnd('.');
        }
        return isFixed ? mantissa : mantissa + scientific[mark..];
    }
}
