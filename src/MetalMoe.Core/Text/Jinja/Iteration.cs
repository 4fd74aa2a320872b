namespace MetalMoe.Core.Text.Jinja;

/// <summary>What a loop, a filter or an unpacking walks through.</summary>
internal static class Iteration
{
    public static bool IsIterable(JinjaValue value) => value is StringValue or ListValue
        or DictValue or ViewValue or RangeValue or GeneratorValue or UndefinedValue or LoopValue;

    /// <summary>The elements, a dict's keys, a string's code points; none of undefined.</summary>
    public static IEnumerable<JinjaValue> Elements(RenderContext context, JinjaValue value)
    {
        switch (value)
        {
            case ListValue list:
                return list.Items;
            case DictValue dict:
                return dict.Entries.Keys;
            case ViewValue view:
                return view.Elements;
            case StringValue text:
                context.AllocateItems(text.Text.Length);
                return CodePoints.Split(text.Text).Select(part => new StringValue(part));
            case RangeValue range:
                return Enumerable.Range(0, range.Length).Select(range.At);
            case GeneratorValue generator:
                return generator.TakeAll();
            case UndefinedValue:
                return [];
            default:
                throw context.Error($"'{value.TypeName}' object is not iterable");
        }
    }

    /// <summary>The elements as a list that can be indexed; counts them.</summary>
    public static IReadOnlyList<JinjaValue> ToList(RenderContext context, JinjaValue value)
    {
        if (value is ListValue list)
        {
            context.Work(list.Items.Count);
            return list.Items;
        }
        if (value.Length > 0)
        {
            context.AllocateItems(value.Length);
        }
        List<JinjaValue> items = [.. Elements(context, value)];
        context.Work(items.Count);
        return items;
    }
}
