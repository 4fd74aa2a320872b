using System.Numerics;

namespace MetalMoe.Core.Text.Jinja;

/// <summary>Python's <c>==</c> and <c>&lt;</c>.</summary>
internal static class Equality
{
    /// <summary>Python's <c>==</c>; counts the work before it compares.</summary>
    public static bool Equal(RenderContext context, JinjaValue a, JinjaValue b)
    {
        context.Work(Math.Min(a.Weight, b.Weight));
        return Equal(a, b);
    }

    public static bool Equal(JinjaValue a, JinjaValue b) => (a, b) switch
    {
        (StringValue x, StringValue y) => x.Text == y.Text,
        (UndefinedValue, UndefinedValue) => true,
        (ListValue x, ListValue y) => ListsEqual(x, y),
        (DictValue x, DictValue y) => DictsEqual(x, y),
        (RangeValue x, RangeValue y) => x.Length == y.Length
            && (x.Length == 0 || x.Start == y.Start && (x.Length == 1 || x.Step == y.Step)),
        _ when IsNumber(a) && IsNumber(b) => CompareNumbers(a, b) == 0,
        _ => ReferenceEquals(a, b),
    };

    public static bool IsNumber(JinjaValue value) => value is BoolValue or IntValue or FloatValue;

    /// <summary>Sign of a - b, or null when one of them is not a number.</summary>
    public static int? CompareNumbers(JinjaValue a, JinjaValue b)
    {
        if (a is FloatValue x)
        {
            return b is FloatValue y ? CompareDoubles(x.Value, y.Value)
                : -CompareMixed(Integer(b), x.Value);
        }
        return b is FloatValue z
            ? CompareMixed(Integer(a), z.Value)
            : Integer(a).CompareTo(Integer(b));
    }

    /// <summary>A bool or an integer as an integer.</summary>
    public static BigInteger Integer(JinjaValue value) => value switch
    {
        BoolValue b => b.Value ? BigInteger.One : BigInteger.Zero,
        _ => ((IntValue)value).Value,
    };

    /// <summary>
    /// Order of two values as <c>sort</c> and <c>&lt;</c> see it; null for not-a-number, an error
    /// for types that have no order.
    /// </summary>
    public static int? Compare(RenderContext context, JinjaValue a, JinjaValue b, string symbol)
    {
        context.Work(Math.Min(a.Weight, b.Weight));
        if (IsNumber(a) && IsNumber(b))
        {
            return CompareNumbers(a, b);
        }
        switch (a, b)
        {
            case (StringValue x, StringValue y):
                return CompareText(x.Text, y.Text);
            case (ListValue x, ListValue y) when x.IsTuple == y.IsTuple:
                int shared = Math.Min(x.Items.Count, y.Items.Count);
                for (int i = 0; i < shared; i++)
                {
                    if (!Equal(x.Items[i], y.Items[i]))
                    {
                        return Compare(context, x.Items[i], y.Items[i], symbol);
                    }
                }
                return x.Items.Count.CompareTo(y.Items.Count);
            default:
                throw Operators.Unsupported(context, symbol, a, b);
        }
    }

    /// <summary>Order by code points; UTF-16 order differs above the surrogates.</summary>
    public static int CompareText(string a, string b)
    {
        int shared = a.AsSpan().CommonPrefixLength(b);
        if (shared == a.Length || shared == b.Length)
        {
            return a.Length.CompareTo(b.Length);
        }
        char x = a[shared];
        char y = b[shared];
        bool surrogateX = char.IsSurrogate(x);
        return surrogateX != char.IsSurrogate(y) && x >= '\uD800' && y >= '\uD800'
            ? (surrogateX ? 1 : -1)
            : x.CompareTo(y);
    }

    private static int? CompareDoubles(double a, double b) =>
        double.IsNaN(a) || double.IsNaN(b) ? null : a.CompareTo(b);

    private static int? CompareMixed(BigInteger a, double b)
    {
        if (double.IsNaN(b))
        {
            return null;
        }
        if (double.IsInfinity(b))
        {
            return b > 0 ? -1 : 1;
        }
        double floor = Math.Floor(b);
        int order = a.CompareTo(new BigInteger(floor));
        return order != 0 ? order : b > floor ? -1 : 0;
    }

    private static bool ListsEqual(ListValue a, ListValue b)
    {
        if (a.IsTuple != b.IsTuple || a.Items.Count != b.Items.Count)
        {
            return false;
        }
        for (int i = 0; i < a.Items.Count; i++)
        {
            if (!ReferenceEquals(a.Items[i], b.Items[i]) && !Equal(a.Items[i], b.Items[i]))
            {
                return false;
            }
        }
        return true;
    }

    private static bool DictsEqual(DictValue a, DictValue b)
    {
        if (a.Entries.Count != b.Entries.Count)
        {
            return false;
        }
        foreach (var (key, value) in a.Entries)
        {
            if (b.Find(key) is not { } other || !Equal(value, other))
            {
                return false;
            }
        }
        return true;
    }
}

/// <summary>Equality of dict keys: 1, 1.0 and True are one key, as in Python.</summary>
internal sealed class KeyComparer : IEqualityComparer<JinjaValue>
{
    public static readonly KeyComparer Instance = new();

    public bool Equals(JinjaValue? x, JinjaValue? y) =>
        x is not null && y is not null && (ReferenceEquals(x, y) || Equality.Equal(x, y));

    public int GetHashCode(JinjaValue obj) => Hash(obj, 0);

    // Nested tuples share elements and can be exponentially larger than their memory, so only
    // the outer levels count.
    private static int Hash(JinjaValue value, int level)
    {
        switch (value)
        {
            case StringValue text:
                return text.Text.GetHashCode(StringComparison.Ordinal);
            case BoolValue or IntValue:
                return Equality.Integer(value).GetHashCode();
            case FloatValue number:
                return double.IsInteger(number.Value)
                    ? new BigInteger(number.Value).GetHashCode()
                    : number.Value.GetHashCode();
            case ListValue list:
                var hash = new HashCode();
                hash.Add(list.Items.Count);
                for (int i = 0; level < 3 && i < Math.Min(list.Items.Count, 8); i++)
                {
                    hash.Add(Hash(list.Items[i], level + 1));
                }
                return hash.ToHashCode();
            case UndefinedValue or NoneValue:
                return value.TypeName.Length;
            default:
                return System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(value);
        }
    }
}
