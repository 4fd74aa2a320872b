using System.Globalization;
using System.Numerics;
using System.Text.Json;

namespace MetalMoe.Core.Text.Jinja;

/// <summary>
/// A value that a template sees: what Python would call none, bool, int, float, str, list, tuple
/// or dict, and the callables of the template language. Data values never change once made, so
/// one value may be shared by many renderings on many threads.
/// </summary>
public abstract class JinjaValue
{
    private protected JinjaValue()
    {
    }

    /// <summary>Python's <c>None</c>, JSON's null.</summary>
    public static JinjaValue None => NoneValue.Instance;

    /// <summary>The type's name in Python, for error texts.</summary>
    internal abstract string TypeName { get; }

    /// <summary>Python's truth value.</summary>
    internal virtual bool IsTrue => true;

    /// <summary>Levels of nesting: 0 for a scalar, one more than its deepest element.</summary>
    internal virtual int Depth => 0;

    /// <summary>How much work comparing or hashing the value can be.</summary>
    internal virtual long Weight => 1;

    /// <summary>Whether the value may be a dict key.</summary>
    internal virtual bool IsHashable => true;

    /// <summary>Number of elements, or -1 when the value has no length.</summary>
    internal virtual int Length => -1;

    /// <summary>A truth value.</summary>
    public static JinjaValue From(bool value) => value ? BoolValue.True : BoolValue.False;

    /// <summary>An integer.</summary>
    public static JinjaValue From(long value) => new IntValue(value);

    /// <summary>A floating-point number.</summary>
    public static JinjaValue From(double value) => new FloatValue(value);

    /// <summary>A string; null gives <see cref="None"/>.</summary>
    public static JinjaValue From(string? value) =>
        value is null ? None : new StringValue(value);

    /// <summary>A list.</summary>
    public static JinjaValue From(IEnumerable<JinjaValue> items) => new ListValue([.. items]);

    /// <summary>A dict with string keys, in the order given.</summary>
    public static JinjaValue From(IEnumerable<KeyValuePair<string, JinjaValue>> entries)
    {
        ArgumentNullException.ThrowIfNull(entries);
        var builder = new DictBuilder();
        foreach (var (key, value) in entries)
        {
            builder.Set(new StringValue(key), value);
        }
        return builder.Build();
    }

    /// <summary>
    /// The value of a JSON text as Python's <c>json.loads</c> sees it: key order is kept, whole
    /// numbers of any size stay integers, numbers with a point or an exponent are floats.
    /// </summary>
    /// <exception cref="ArgumentException">The element is undefined.</exception>
    public static JinjaValue From(JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                var builder = new DictBuilder();
                foreach (var property in element.EnumerateObject())
                {
                    builder.Set(new StringValue(property.Name), From(property.Value));
                }
                return builder.Build();
            case JsonValueKind.Array:
                var items = new JinjaValue[element.GetArrayLength()];
                int count = 0;
                foreach (var item in element.EnumerateArray())
                {
                    items[count++] = From(item);
                }
                return new ListValue(items);
            case JsonValueKind.String:
                return new StringValue(element.GetString()!);
            case JsonValueKind.Number:
                return FromNumber(element.GetRawText());
            case JsonValueKind.True:
                return BoolValue.True;
            case JsonValueKind.False:
                return BoolValue.False;
            case JsonValueKind.Null:
                return None;
            default:
                throw new ArgumentException("the JSON element has no value", nameof(element));
        }
    }

    private static JinjaValue FromNumber(string text)
    {
        return text.AsSpan().IndexOfAny('.', 'e', 'E') < 0
            ? new IntValue(BigInteger.Parse(text, CultureInfo.InvariantCulture))
            : new FloatValue(double.Parse(text, CultureInfo.InvariantCulture));
    }

    /// <summary>The value as Python's <c>str</c> prints it.</summary>
    public override string ToString() => PythonText.Str(this);
}
