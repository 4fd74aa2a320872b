namespace MetalMoe.Core.Text.Jinja;

/// <summary>
/// The methods of dicts and lists. Those that would change the value exist, so that the error can
/// say why they are refused, as in the immutable sandbox that chat templates are made for.
/// </summary>
internal static class CollectionMethods
{
    public static JinjaValue? Find(DictValue owner, string name) => name switch
    {
        "get" => new Method(owner, Get),
        "keys" => new Method(owner, (c, d, a) => View(c, d, a, ViewKind.Keys)),
        "values" => new Method(owner, (c, d, a) => View(c, d, a, ViewKind.Values)),
        "items" => new Method(owner, (c, d, a) => View(c, d, a, ViewKind.Items)),
        "copy" => new Method(owner, (_, d, _) => d),
        "update" or "pop" or "popitem" or "setdefault" or "clear" => Refuse(owner, name),
        _ => null,
    };

    public static JinjaValue? Find(ListValue owner, string name) => name switch
    {
        "index" => new Method(owner, Index),
        "count" => new Method(owner, Count),
        "copy" when !owner.IsTuple => new Method(owner, (_, l, _) => l),
        "append" or "extend" or "insert" or "pop" or "remove" or "reverse" or "sort" or "clear"
            when !owner.IsTuple => Refuse(owner, name),
        _ => null,
    };

    private static Method Refuse(JinjaValue owner, string name) => new(owner, (context, self, _) =>
        throw context.Error($"'{name}' of a {self.TypeName} is refused: a template cannot change "
            + "its data, only build new values and assign to a namespace"));

    private static JinjaValue Get(RenderContext context, JinjaValue self, Arguments arguments)
    {
        var given = arguments.Bind(context, "get", "key!", "default");
        return Operators.Lookup(context, (DictValue)self, given[0]!)
            ?? given[1] ?? JinjaValue.None;
    }

    private static ViewValue View(
        RenderContext context, JinjaValue self, Arguments arguments, ViewKind kind)
    {
        arguments.Bind(context, "the method");
        return new ViewValue((DictValue)self, kind);
    }

    private static JinjaValue Index(RenderContext context, JinjaValue self, Arguments arguments)
    {
        var item = arguments.Bind(context, "index", "value!")[0]!;
        var items = ((ListValue)self).Items;
        for (int i = 0; i < items.Count; i++)
        {
            if (Equality.Equal(context, items[i], item))
            {
                return JinjaValue.From((long)i);
            }
        }
        throw context.Error($"{PythonText.Repr(item, context)} is not in {self.TypeName}");
    }

    private static JinjaValue Count(RenderContext context, JinjaValue self, Arguments arguments)
    {
        var item = arguments.Bind(context, "count", "value!")[0]!;
        return JinjaValue.From(
            (long)((ListValue)self).Items.Count(i => Equality.Equal(context, i, item)));
    }
}
