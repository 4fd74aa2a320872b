using System.Globalization;
using System.Numerics;

namespace MetalMoe.Core.Text.Jinja;

/// <summary>Filters that make or change numbers.</summary>
internal static class NumberFilters
{
    public static IEnumerable<(string Name, FilterSpec Spec)> All { get; } =
    [
        ("int", new FilterSpec(ToInt, "default", "base")),
        ("float", new FilterSpec(ToFloat, "default")),
        ("abs", new FilterSpec(Absolute)),
        ("round", new FilterSpec(Round, "precision", "method")),
    ];

    private static JinjaValue ToInt(
        RenderContext context, JinjaValue value, JinjaValue?[] arguments)
    {
        var fallback = arguments[0] ?? JinjaValue.From(0L);
        switch (value)
        {
            case IntValue:
                return value;
            case BoolValue:
                return new IntValue(Equality.Integer(value));
            case FloatValue number:
                // Infinity is the one case that Python does not catch.
                return double.IsInfinity(number.Value)
                    ? throw context.Error("cannot convert float infinity to integer")
                    : double.IsNaN(number.Value) ? fallback
                    : new IntValue(new BigInteger(number.Value));
            case StringValue text:
                context.Scan(text.Text.Length);
                int radix = arguments[1] is { } given
                    ? TextTools.RequireInt(context, given, "int")
                    : 10;
                return ParseInteger(text.Text, radix) is { } whole
                    ? Operators.Checked(context, whole)
                    : ParseFloat(text.Text) is { } real && double.IsFinite(real)
                        ? new IntValue(new BigInteger(real))
                        : fallback;
            case UndefinedValue:
                throw Operators.Undefined(context, value);
            default:
                return fallback;
        }
    }

    private static JinjaValue ToFloat(
        RenderContext context, JinjaValue value, JinjaValue?[] arguments)
    {
        var fallback = arguments[0] ?? JinjaValue.From(0.0);
        return value switch
        {
            BoolValue or IntValue or FloatValue =>
                JinjaValue.From(Operators.Double(context, value)),
            UndefinedValue => throw Operators.Undefined(context, value),
            StringValue text when ParseFloat(text.Text) is { } number => JinjaValue.From(number),
            _ => fallback,
        };
    }

    private static BigInteger? ParseInteger(string text, int radix)
    {
        var digits = Trimmed(text);
        bool negative = digits.StartsWith('-');
        if (negative || digits.StartsWith('+'))
        {
            digits = digits[1..];
        }
        char prefix = radix switch { 2 => 'b', 8 => 'o', 16 => 'x', _ => '\0' };
        if (prefix != '\0' && digits.Length > 2 && digits[0] == '0'
            && char.ToLowerInvariant(digits[1]) == prefix)
        {
            digits = digits[2..].TrimStart('_');
        }
        // Python refuses more than 4300 digits for the same reason: the cost is quadratic.
        if (digits.Length is 0 or > 4300 || radix is < 2 or > 36 || !ValidUnderscores(digits))
        {
            return null;
        }
        var value = BigInteger.Zero;
        foreach (char c in digits.Replace("_", ""))
        {
            int digit = char.IsAsciiDigit(c) ? c - '0'
                : char.IsAsciiLetter(c) ? char.ToLowerInvariant(c) - 'a' + 10 : 99;
            if (digit >= radix)
            {
                return null;
            }
            value = value * radix + digit;
        }
        return negative ? -value : value;
    }

    private static bool ValidUnderscores(string digits) => digits[0] != '_'
        && digits[^1] != '_' && !digits.Contains("__", StringComparison.Ordinal);

    private static string Trimmed(string text)
    {
        int start = 0;
        int end = text.Length;
        while (start < end && CodePoints.IsSpace(text[start]))
        {
            start++;
        }
        while (end > start && CodePoints.IsSpace(text[end - 1]))
        {
            end--;
        }
        return text[start..end];
    }

    private static double? ParseFloat(string text)
    {
        string number = Trimmed(text);
        switch (number.TrimStart('+', '-').ToLowerInvariant())
        {
            case "inf" or "infinity" when number.Length > 0:
                return number[0] == '-' ? double.NegativeInfinity : double.PositiveInfinity;
            case "nan":
                return double.NaN;
        }
        const NumberStyles Style = NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint
            | NumberStyles.AllowExponent;
        bool plain = number.Length > 0 && ValidUnderscores(number);
        return plain && double.TryParse(
            number.Replace("_", ""), Style, CultureInfo.InvariantCulture, out double value)
            ? value
            : null;
    }

    private static JinjaValue Absolute(RenderContext context, JinjaValue value, JinjaValue?[] _)
    {
        return value switch
        {
            FloatValue number => JinjaValue.From(Math.Abs(number.Value)),
            BoolValue or IntValue => new IntValue(BigInteger.Abs(Equality.Integer(value))),
            UndefinedValue => throw Operators.Undefined(context, value),
            _ => throw context.Error($"bad operand type for abs(): '{value.TypeName}'"),
        };
    }

    private static JinjaValue Round(
        RenderContext context, JinjaValue value, JinjaValue?[] arguments)
    {
        int precision = arguments[0] is { } given
            ? TextTools.RequireInt(context, given, "round")
            : 0;
        string method = arguments[1] is { } name
            ? TextTools.Require(context, name, "round")
            : "common";
        if (!Equality.IsNumber(value))
        {
            throw value is UndefinedValue ? Operators.Undefined(context, value)
                : context.Error($"type {value.TypeName} doesn't define __round__ method");
        }
        if (method is "ceil" or "floor")
        {
            double scale = Math.Pow(10, precision);
            double scaled = Operators.Double(context, value) * scale;
            return JinjaValue.From((method == "ceil" ? Math.Ceiling(scaled) : Math.Floor(scaled))
                / scale);
        }
        if (method != "common")
        {
            throw context.Error("method must be common, ceil or floor");
        }
        if (value is FloatValue number)
        {
            return JinjaValue.From(RoundDouble(number.Value, precision));
        }
        return precision >= 0
            ? new IntValue(Equality.Integer(value))
            : new IntValue(RoundInteger(Equality.Integer(value), -precision));
    }

    private static BigInteger RoundInteger(BigInteger value, int zeros)
    {
        if (zeros > 1300)
        {
            return BigInteger.Zero;
        }
        var unit = BigInteger.Pow(10, zeros);
        return HalfEven(value, unit) * unit;
    }

    /// <summary>The exact binary value, rounded half to even in decimal, as Python does.</summary>
    public static double RoundDouble(double value, int digits)
    {
        if (!double.IsFinite(value) || value == 0 || digits > 330)
        {
            return value;
        }
        if (digits < -310)
        {
            return Math.CopySign(0, value);
        }
        long bits = BitConverter.DoubleToInt64Bits(Math.Abs(value));
        int exponent = (int)(bits >> 52);
        var numerator = new BigInteger((bits & 0xfffffffffffff) | (exponent > 0 ? 1L << 52 : 0));
        int shift = Math.Max(exponent, 1) - 1075;
        var denominator = BigInteger.One;
        numerator = shift > 0 ? numerator << shift : numerator;
        denominator = shift < 0 ? denominator << -shift : denominator;
        numerator *= BigInteger.Pow(10, Math.Max(digits, 0));
        denominator *= BigInteger.Pow(10, Math.Max(-digits, 0));
        string text = HalfEven(numerator, denominator) + "e"
            + (-digits).ToString(CultureInfo.InvariantCulture);
        return Math.CopySign(double.Parse(text, CultureInfo.InvariantCulture), value);
    }

    private static BigInteger HalfEven(BigInteger numerator, BigInteger denominator)
    {
        var quotient = BigInteger.DivRem(numerator, denominator, out var rest);
        int order = (2 * BigInteger.Abs(rest)).CompareTo(denominator);
        return order > 0 || order == 0 && !quotient.IsEven ? quotient + numerator.Sign : quotient;
    }
}
