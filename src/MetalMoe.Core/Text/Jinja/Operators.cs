using System.Globalization;
using System.Numerics;

namespace MetalMoe.Core.Text.Jinja;

/// <summary>The arithmetic operators with Python's types and results.</summary>
internal static class Operators
{
    public static JinjaValue Apply(RenderContext context, string symbol, JinjaValue a, JinjaValue b)
    {
        if (a is UndefinedValue or NoneValue || b is UndefinedValue or NoneValue)
        {
            if (symbol == "%" && a is StringValue)
            {
                return PrintfFormat.Apply(context, a, b);
            }
            throw Unsupported(context, symbol, a, b);
        }
        if (Equality.IsNumber(a) && Equality.IsNumber(b))
        {
            return a is FloatValue || b is FloatValue
                ? Floats(context, symbol, Double(context, a), Double(context, b))
                : Integers(context, symbol, Equality.Integer(a), Equality.Integer(b));
        }
        return (symbol, a, b) switch
        {
            ("+", StringValue x, StringValue y) => Concat(context, x.Text, y.Text),
            ("+", ListValue x, ListValue y) when x.IsTuple == y.IsTuple =>
                Concat(context, x, y),
            ("*", StringValue or ListValue, BoolValue or IntValue) =>
                Repeat(context, a, Equality.Integer(b)),
            ("*", BoolValue or IntValue, StringValue or ListValue) =>
                Repeat(context, b, Equality.Integer(a)),
            ("%", StringValue, _) => PrintfFormat.Apply(context, a, b),
            _ => throw Unsupported(context, symbol, a, b),
        };
    }

    public static JinjaValue Negate(RenderContext context, JinjaValue value) => value switch
    {
        FloatValue number => new FloatValue(-number.Value),
        BoolValue or IntValue => new IntValue(-Equality.Integer(value)),
        _ => throw BadOperand(context, "-", value),
    };

    public static JinjaValue Plus(RenderContext context, JinjaValue value) => value switch
    {
        FloatValue => value,
        BoolValue or IntValue => new IntValue(Equality.Integer(value)),
        _ => throw BadOperand(context, "+", value),
    };

    /// <summary>Python's <c>in</c>.</summary>
    public static bool Contains(RenderContext context, JinjaValue container, JinjaValue item)
    {
        switch (container)
        {
            case StringValue text:
                if (item is UndefinedValue)
                {
                    throw Undefined(context, item);
                }
                return item is StringValue part
                    ? TextSearch.IndexOf(context, text.Text, part.Text, 0) >= 0
                    : throw context.Error("'in <string>' requires string as left operand, not "
                        + item.TypeName);
            case DictValue dict:
                return Lookup(context, dict, item) is not null;
            case ViewValue { Kind: ViewKind.Keys } keys:
                return Lookup(context, keys.Dict, item) is not null;
            case UndefinedValue:
                return false;
            default:
                foreach (var element in Iteration.Elements(context, container))
                {
                    context.Step();
                    if (Equality.Equal(context, element, item))
                    {
                        return true;
                    }
                }
                return false;
        }
    }

    /// <summary>A dict's value for a key, or null; a list or dict as key is an error.</summary>
    public static JinjaValue? Lookup(RenderContext context, DictValue dict, JinjaValue key)
    {
        context.Work(key.Weight);
        return key.IsHashable
            ? dict.Find(key)
            : throw context.Error($"unhashable type: '{key.TypeName}'");
    }

    public static JinjaException Unsupported(
        RenderContext context, string symbol, JinjaValue a, JinjaValue b)
    {
        if (a is UndefinedValue || b is UndefinedValue)
        {
            return Undefined(context, a is UndefinedValue ? a : b);
        }
        return context.Error(symbol is "<" or ">" or "<=" or ">="
            ? $"'{symbol}' not supported between instances of '{a.TypeName}' and '{b.TypeName}'"
            : $"unsupported operand type(s) for {symbol}: '{a.TypeName}' and '{b.TypeName}'");
    }

    public static JinjaException Undefined(RenderContext context, JinjaValue value) =>
        context.Error(((UndefinedValue)value).Problem);

    /// <summary>A number as a double; an integer beyond its range is an error.</summary>
    public static double Double(RenderContext context, JinjaValue value)
    {
        if (value is FloatValue number)
        {
            return number.Value;
        }
        double result = Nearest(Equality.Integer(value));
        return double.IsInfinity(result)
            ? throw context.Error("int too large to convert to float")
            : result;
    }

    /// <summary>The nearest double; the library's conversion cuts the digits off.</summary>
    private static double Nearest(BigInteger value) => value.GetBitLength() <= 53
        ? (double)value
        : double.Parse(value.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);

    public static StringValue Concat(RenderContext context, string a, string b)
    {
        context.AllocateText((long)a.Length + b.Length);
        return new StringValue(a + b);
    }

    public static JinjaValue Checked(RenderContext context, BigInteger value) =>
        value.GetBitLength() > context.Limits.MaxIntegerBits
            ? throw context.Limit($"an integer of more than {context.Limits.MaxIntegerBits} bits")
            : new IntValue(value);

    private static JinjaException BadOperand(
        RenderContext context, string symbol, JinjaValue value)
    {
        return value is UndefinedValue
            ? Undefined(context, value)
            : context.Error($"bad operand type for unary {symbol}: '{value.TypeName}'");
    }

    private static ListValue Concat(RenderContext context, ListValue a, ListValue b)
    {
        context.AllocateItems((long)a.Items.Count + b.Items.Count);
        return context.Checked(new ListValue([.. a.Items, .. b.Items], a.IsTuple));
    }

    private static JinjaValue Repeat(RenderContext context, JinjaValue value, BigInteger times)
    {
        int count = times.Sign <= 0 ? 0 : (int)BigInteger.Min(times, int.MaxValue);
        if (value is StringValue { Text: var text })
        {
            context.AllocateText((long)text.Length * count);
            return new StringValue(
                text.Length == 0 ? "" : string.Concat(Enumerable.Repeat(text, count)));
        }
        var list = (ListValue)value;
        context.AllocateItems((long)list.Items.Count * count);
        if (list.Items.Count == 0)
        {
            return new ListValue([], list.IsTuple);
        }
        var items = new List<JinjaValue>(list.Items.Count * count);
        for (int i = 0; i < count; i++)
        {
            items.AddRange(list.Items);
        }
        return new ListValue(items, list.IsTuple);
    }

    private static JinjaValue Integers(
        RenderContext context, string symbol, BigInteger a, BigInteger b)
    {
        switch (symbol)
        {
            case "+":
                return Checked(context, a + b);
            case "-":
                return Checked(context, a - b);
            case "*":
                return Checked(context, a * b);
            case "**":
                return Power(context, a, b);
        }
        if (b.IsZero)
        {
            throw context.Error(symbol switch
            {
                "/" => "division by zero",
                "//" => "integer division or modulo by zero",
                _ => "integer modulo by zero",
            });
        }
        if (symbol == "/")
        {
            double quotient = Nearest(a) / Nearest(b);
            return double.IsFinite(quotient)
                ? new FloatValue(quotient)
                : throw context.Error("integer division result too large for a float");
        }
        var floor = BigInteger.DivRem(a, b, out var rest);
        bool adjust = !rest.IsZero && rest.Sign != b.Sign;
        return symbol == "//"
            ? new IntValue(adjust ? floor - 1 : floor)
            : new IntValue(adjust ? rest + b : rest);
    }

    private static JinjaValue Power(RenderContext context, BigInteger a, BigInteger b)
    {
        if (b.Sign < 0)
        {
            return Floats(context, "**", Double(context, new IntValue(a)), (double)b);
        }
        if (BigInteger.Abs(a) <= 1)
        {
            return new IntValue(b.IsZero ? 1 : a.Sign >= 0 || !b.IsEven ? a : 1);
        }
        if ((a.GetBitLength() - 1) * b > context.Limits.MaxIntegerBits)
        {
            throw context.Limit(
                $"an integer of more than {context.Limits.MaxIntegerBits} bits");
        }
        return Checked(context, BigInteger.Pow(a, (int)b));
    }

    private static FloatValue Floats(RenderContext context, string symbol, double a, double b)
    {
        switch (symbol)
        {
            case "+":
                return new FloatValue(a + b);
            case "-":
                return new FloatValue(a - b);
            case "*":
                return new FloatValue(a * b);
            case "**":
                return FloatPower(context, a, b);
        }
        if (b == 0)
        {
            throw context.Error(symbol == "/"
                ? "float division by zero"
                : "float floor division or modulo by zero");
        }
        if (symbol == "/")
        {
            return new FloatValue(a / b);
        }
        double rest = a % b;
        if (rest != 0)
        {
            rest = (b < 0) != (rest < 0) ? rest + b : rest;
        }
        else
        {
            rest = Math.CopySign(0, b);
        }
        if (symbol == "%")
        {
            return new FloatValue(rest);
        }
        double quotient = (a - rest) / b;
        double floor = Math.Floor(quotient);
        return new FloatValue(quotient == 0 ? Math.CopySign(0, a / b)
            : quotient - floor > 0.5 ? floor + 1 : floor);
    }

    private static FloatValue FloatPower(RenderContext context, double a, double b)
    {
        if (a == 0 && b < 0)
        {
            throw context.Error("0.0 cannot be raised to a negative power");
        }
        double result = Math.Pow(a, b);
        if (double.IsNaN(result) && !double.IsNaN(a) && !double.IsNaN(b))
        {
            throw context.Error("a negative number cannot be raised to a fractional power here");
        }
        if (double.IsInfinity(result) && double.IsFinite(a) && double.IsFinite(b))
        {
            throw context.Error("Numerical result out of range");
        }
        return new FloatValue(result);
    }
}
