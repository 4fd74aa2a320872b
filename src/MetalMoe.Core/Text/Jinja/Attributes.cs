using System.Globalization;
using System.Numerics;

namespace MetalMoe.Core.Text.Jinja;

/// <summary>
/// <c>owner.name</c> and <c>owner[key]</c>. Only data and a fixed list of methods can be reached:
/// there is nothing of .NET behind a value.
/// </summary>
internal static class Attributes
{
    /// <summary>A method or member first, then an element: Jinja2's order for a dot.</summary>
    public static JinjaValue Member(RenderContext context, JinjaValue owner, string name)
    {
        if (owner is UndefinedValue)
        {
            throw Operators.Undefined(context, owner);
        }
        return Native(owner, name)
            ?? (owner as DictValue)?.Find(new StringValue(name))
            ?? UndefinedValue.Attribute(owner, name);
    }

    /// <summary>An element first, then a method: Jinja2's order for brackets.</summary>
    public static JinjaValue Element(RenderContext context, JinjaValue owner, JinjaValue key)
    {
        if (owner is UndefinedValue)
        {
            throw Operators.Undefined(context, owner);
        }
        var value = owner switch
        {
            DictValue dict => Find(context, dict, key),
            ListValue list => At(list.Items.Count, key, index => list.Items[index]),
            StringValue text => At(text.Length, key, index => CharacterAt(context, text, index)),
            RangeValue range => At(range.Length, key, range.At),
            _ => null,
        };
        return value
            ?? (key is StringValue name ? Native(owner, name.Text) : null)
            ?? UndefinedValue.Element(owner, key);
    }

    /// <summary>
    /// What an attribute path such as <c>function.name</c> or <c>0</c> leads to; a fallback stands
    /// in for every step that is missing.
    /// </summary>
    public static JinjaValue Path(
        RenderContext context, JinjaValue owner, JinjaValue path, JinjaValue? fallback = null)
    {
        if (path is not StringValue { Text: var text })
        {
            return OrFallback(Element(context, owner, path));
        }
        var value = owner;
        foreach (string part in text.Split('.'))
        {
            JinjaValue key = part.Length is > 0 and < 10 && part.All(char.IsAsciiDigit)
                ? new IntValue(int.Parse(part, CultureInfo.InvariantCulture))
                : new StringValue(part);
            value = OrFallback(Element(context, value, key));
        }
        return value;

        JinjaValue OrFallback(JinjaValue found) =>
            found is UndefinedValue && fallback is not (null or NoneValue) ? fallback : found;
    }

    private static JinjaValue? Find(RenderContext context, DictValue dict, JinjaValue key)
    {
        context.Work(key.Weight);
        return dict.Find(key);
    }

    private static StringValue CharacterAt(RenderContext context, StringValue text, int index)
    {
        if (!text.IsFlat)
        {
            context.Scan(text.Text.Length);
        }
        int offset = CodePoints.Offset(text, index);
        return new StringValue(text.Text.Substring(offset, CodePoints.Width(text.Text, offset)));
    }

    private static JinjaValue? At(int length, JinjaValue key, Func<int, JinjaValue> get)
    {
        if (key is not (IntValue or BoolValue))
        {
            return null;
        }
        var index = Equality.Integer(key);
        index = index.Sign < 0 ? index + length : index;
        return index.Sign >= 0 && index < length ? get((int)index) : null;
    }

    private static JinjaValue? Native(JinjaValue owner, string name) => owner switch
    {
        StringValue => StringMethods.Find(owner, name),
        DictValue dict => CollectionMethods.Find(dict, name),
        ListValue list => CollectionMethods.Find(list, name),
        NamespaceValue space => space.Attributes.GetValueOrDefault(name),
        LoopValue loop => loop.Member(name),
        CyclerValue cycler => cycler.Member(name),
        MacroValue macro when name == "name" => JinjaValue.From(macro.Name),
        RangeValue range => name switch
        {
            "start" => new IntValue(range.Start),
            "stop" => new IntValue(range.Stop),
            "step" => new IntValue(range.Step),
            _ => null,
        },
        _ => null,
    };
}

/// <summary>Python's slices.</summary>
internal static class Slicing
{
    public static JinjaValue Slice(
        RenderContext context, JinjaValue owner, JinjaValue start, JinjaValue stop, JinjaValue step)
    {
        if (owner is UndefinedValue)
        {
            throw Operators.Undefined(context, owner);
        }
        if (owner is not (StringValue or ListValue or RangeValue))
        {
            throw context.Error($"a '{owner.TypeName}' object cannot be sliced");
        }
        if (Bound(start) is not { } from || Bound(stop) is not { } to
            || Bound(step) is not { } by)
        {
            throw context.Error("slice indices must be integers or None");
        }
        int stride = (int)BigInteger.Clamp(by.Value ?? 1, -int.MaxValue, int.MaxValue);
        if (stride == 0)
        {
            throw context.Error("slice step cannot be zero");
        }
        int length = owner.Length;
        int first = Clamp(from, length, stride, atStart: true);
        int last = Clamp(to, length, stride, atStart: false);
        long count = stride > 0
            ? ((long)last - first + stride - 1) / stride
            : ((long)first - last - stride - 1) / -stride;
        return Take(context, owner, first, stride, (int)Math.Max(count, 0));
    }

    private static JinjaValue Take(
        RenderContext context, JinjaValue owner, int first, int stride, int count)
    {
        if (owner is StringValue text)
        {
            return TakeText(context, text, first, stride, count);
        }
        if (owner is RangeValue range)
        {
            var start = range.Start + first * range.Step;
            var step = range.Step * stride;
            return new RangeValue(start, start + count * step, step, count);
        }
        var list = (ListValue)owner;
        context.AllocateItems(count);
        var items = new JinjaValue[count];
        for (int i = 0; i < count; i++)
        {
            items[i] = list.Items[first + i * stride];
        }
        return new ListValue(items, list.IsTuple);
    }

    private static StringValue TakeText(
        RenderContext context, StringValue text, int first, int stride, int count)
    {
        context.AllocateText(count * 2L);
        if (count == 0)
        {
            return StringValue.Empty;
        }
        if (stride == 1)
        {
            context.Scan(text.IsFlat ? 0 : text.Text.Length);
            int start = CodePoints.Offset(text, first);
            int end = CodePoints.Offset(text, first + count);
            return new StringValue(text.Text[start..end]);
        }
        context.AllocateItems(text.IsFlat ? 0 : text.Text.Length);
        var parts = text.IsFlat ? null : CodePoints.Split(text.Text);
        var output = new System.Text.StringBuilder(count);
        for (int i = 0; i < count; i++)
        {
            int index = first + i * stride;
            output.Append(parts?[index] ?? text.Text.Substring(index, 1));
        }
        return new StringValue(output.ToString());
    }

    /// <summary>The bound's value, no value inside for None, nothing for another type.</summary>
    private static Optional? Bound(JinjaValue value) => value switch
    {
        NoneValue => new Optional(null),
        IntValue or BoolValue => new Optional(Equality.Integer(value)),
        _ => null,
    };

    private static int Clamp(Optional bound, int length, int stride, bool atStart)
    {
        int lowest = stride > 0 ? 0 : -1;
        int highest = stride > 0 ? length : length - 1;
        if (bound.Value is not { } value)
        {
            return stride > 0 == atStart ? lowest : highest;
        }
        value = value.Sign < 0 ? value + length : value;
        return (int)BigInteger.Max(BigInteger.Min(value, highest), lowest);
    }

    private readonly record struct Optional(BigInteger? Value);
}
