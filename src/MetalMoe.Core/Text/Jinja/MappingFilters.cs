namespace MetalMoe.Core.Text.Jinja;

/// <summary>The filters that take another filter or test by name, with its arguments.</summary>
internal static class MappingFilters
{
    public static JinjaValue Map(RenderContext context, JinjaValue value, Arguments arguments)
    {
        return new GeneratorValue(context, Items());

        IEnumerable<JinjaValue> Items()
        {
            if (!value.IsTrue)
            {
                yield break;
            }
            var apply = Mapper(context, arguments);
            foreach (var item in Iteration.Elements(context, value))
            {
                yield return apply(item);
            }
        }
    }

    private static Func<JinjaValue, JinjaValue> Mapper(RenderContext context, Arguments arguments)
    {
        if (arguments.Positional.Count == 0 && arguments.Named.ContainsKey("attribute"))
        {
            var given = arguments.Bind(context, "the filter map", "attribute", "default");
            return item => Attributes.Path(context, item, given[0]!, given[1]);
        }
        if (arguments.Positional.Count == 0)
        {
            throw context.Error("map requires a filter argument");
        }
        var (name, rest) = Split(context, arguments, 0);
        return item =>
        {
            context.Enter();
            var result = Filters.Apply(context, name, item, rest);
            context.Leave();
            return result;
        };
    }

    public static JinjaValue Select(
        RenderContext context, JinjaValue value, Arguments arguments, bool keep, bool byAttribute)
    {
        return new GeneratorValue(context, Items());

        IEnumerable<JinjaValue> Items()
        {
            if (!value.IsTrue)
            {
                yield break;
            }
            var test = Selector(context, arguments, byAttribute);
            foreach (var item in Iteration.Elements(context, value))
            {
                context.Step();
                if (test(item) == keep)
                {
                    yield return item;
                }
            }
        }
    }

    private static Func<JinjaValue, bool> Selector(
        RenderContext context, Arguments arguments, bool byAttribute)
    {
        int first = byAttribute ? 1 : 0;
        if (arguments.Positional.Count < first)
        {
            throw context.Error("missing parameter for attribute name");
        }
        JinjaValue Subject(JinjaValue item) => byAttribute
            ? Attributes.Path(context, item, arguments.Positional[0])
            : item;
        if (arguments.Positional.Count == first)
        {
            return item => Subject(item).IsTrue;
        }
        var (name, rest) = Split(context, arguments, first);
        return item => Tests.Apply(context, name, Subject(item), rest);
    }

    /// <summary>The name at an index, and the arguments after it.</summary>
    private static (string Name, Arguments Others) Split(
        RenderContext context, Arguments arguments, int index)
    {
        string name = TextTools.Require(context, arguments.Positional[index], "map");
        var rest = new Arguments { Positional = [.. arguments.Positional.Skip(index + 1)] };
        foreach (var (key, value) in arguments.Named)
        {
            rest.Named.Add(key, value);
        }
        return (name, rest);
    }
}
