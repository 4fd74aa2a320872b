namespace MetalMoe.Core.Text.Jinja;

/// <summary>Filters over lists, dicts and other things with elements.</summary>
internal static class SequenceFilters
{
    public static IEnumerable<(string Name, FilterSpec Spec)> All { get; } =
    [
        ("length", new FilterSpec(Length)),
        ("count", new FilterSpec(Length)),
        ("list", new FilterSpec((c, v, _) => c.List([.. Iteration.ToList(c, v)]))),
        ("first", new FilterSpec(First)),
        ("last", new FilterSpec(Last)),
        ("reverse", new FilterSpec(Reverse)),
        ("join", new FilterSpec(Join, "d", "attribute")),
        ("sort", new FilterSpec(Sort, "reverse", "case_sensitive", "attribute")),
        ("unique", new FilterSpec(Unique, "case_sensitive", "attribute")),
        ("min", new FilterSpec((c, v, a) => Extreme(c, v, a, 1), "case_sensitive", "attribute")),
        ("max", new FilterSpec((c, v, a) => Extreme(c, v, a, -1), "case_sensitive", "attribute")),
        ("sum", new FilterSpec(Sum, "attribute", "start")),
        ("items", new FilterSpec(Items)),
        ("dictsort", new FilterSpec(DictSort, "case_sensitive", "by", "reverse")),
        ("batch", new FilterSpec(Batch, "linecount!", "fill_with")),
        ("slice", new FilterSpec(Slices, "slices!", "fill_with")),
        ("groupby", new FilterSpec(GroupBy, "attribute!", "default", "case_sensitive")),
        ("attr", new FilterSpec(Attribute, "name!")),
    ];

    private static JinjaValue Length(RenderContext context, JinjaValue value, JinjaValue?[] _)
    {
        if (value is StringValue text)
        {
            context.Scan(text.Text.Length);
        }
        return value.Length >= 0
            ? JinjaValue.From((long)value.Length)
            : throw context.Error($"object of type '{value.TypeName}' has no len()");
    }

    private static JinjaValue First(RenderContext context, JinjaValue value, JinjaValue?[] _)
    {
        var first = value is GeneratorValue generator
            ? generator.TakeOne()
            : Iteration.Elements(context, value).FirstOrDefault();
        return first ?? new UndefinedValue("no first item, the sequence was empty");
    }

    private static JinjaValue Last(RenderContext context, JinjaValue value, JinjaValue?[] _)
    {
        return value switch
        {
            GeneratorValue => throw context.Error("'generator' object is not reversible"),
            ListValue { Items: [.., var last] } => last,
            RangeValue { Length: > 0 } range => range.At(range.Length - 1),
            _ => Iteration.Elements(context, value).LastOrDefault()
                ?? new UndefinedValue("no last item, the sequence was empty"),
        };
    }

    private static JinjaValue Reverse(RenderContext context, JinjaValue value, JinjaValue?[] _)
    {
        if (value is StringValue)
        {
            return Slicing.Slice(
                context, value, JinjaValue.None, JinjaValue.None, JinjaValue.From(-1));
        }
        JinjaValue[] items = [.. Iteration.ToList(context, value)];
        context.AllocateItems(items.Length);
        Array.Reverse(items);
        return value is GeneratorValue
            ? new ListValue(items)
            : new GeneratorValue(context, items, "reversed");
    }

    private static StringValue Join(
        RenderContext context, JinjaValue value, JinjaValue?[] arguments)
    {
        string separator = PythonText.Str(arguments[0] ?? StringValue.Empty, context);
        var texts = new List<string>();
        long length = 0;
        foreach (var item in Iteration.ToList(context, value))
        {
            var part = arguments[1] is { } path and not NoneValue
                ? Attributes.Path(context, item, path)
                : item;
            texts.Add(PythonText.Str(part, context));
            length += texts[^1].Length + separator.Length;
            TextTools.RequireFits(context, (int)Math.Min(length, int.MaxValue));
        }
        context.AllocateText(length);
        return new StringValue(string.Join(separator, texts));
    }

    /// <summary>What a value is sorted by: an attribute, and strings without their case.</summary>
    private static JinjaValue Key(
        RenderContext context,
        JinjaValue item,
        JinjaValue? path,
        bool caseSensitive,
        JinjaValue? fallback = null)
    {
        var key = path is null or NoneValue
            ? item
            : Attributes.Path(context, item, path, fallback);
        return key is StringValue text && !caseSensitive
            ? context.Text(CaseMapping.Lower(text.Text))
            : key;
    }

    private static JinjaValue[] SortBy(
        RenderContext context,
        IEnumerable<JinjaValue> items,
        Func<JinjaValue, JinjaValue> key,
        bool reverse)
    {
        var keyed = items.Select(item => (Key: key(item), Item: item)).ToArray();
        context.AllocateItems(keyed.Length);
        var sorted = Sorting.Stable(keyed, (a, b) =>
        {
            context.Step();
            int order = Equality.Compare(context, a.Key, b.Key, "<") ?? 0;
            return reverse ? -order : order;
        });
        return [.. sorted.Select(pair => pair.Item)];
    }

    private static ListValue Sort(
        RenderContext context, JinjaValue value, JinjaValue?[] arguments)
    {
        bool caseSensitive = arguments[1]?.IsTrue ?? false;
        JinjaValue KeyOf(JinjaValue item)
        {
            // "a,b" sorts by a, then by b. The key is a list even when it has one element: lists
            // look for the first difference, so equal values need not have an order.
            JinjaValue?[] paths = arguments[2] is StringValue path
                ? [.. path.Text.Split(',').Select(p => new StringValue(p))]
                : [arguments[2]];
            return context.List([.. paths.Select(p => Key(context, item, p, caseSensitive))]);
        }

        var sorted = SortBy(
            context, Iteration.ToList(context, value), KeyOf, arguments[0]?.IsTrue ?? false);
        return context.List(sorted);
    }

    private static GeneratorValue Unique(
        RenderContext context, JinjaValue value, JinjaValue?[] arguments)
    {
        return new GeneratorValue(context, Items());

        IEnumerable<JinjaValue> Items()
        {
            var seen = new HashSet<JinjaValue>(KeyComparer.Instance);
            foreach (var item in Iteration.Elements(context, value))
            {
                var key = Key(context, item, arguments[1], arguments[0]?.IsTrue ?? false);
                context.AllocateItems(1);
                context.Work(key.Weight);
                if (!key.IsHashable)
                {
                    throw context.Error($"unhashable type: '{key.TypeName}'");
                }
                if (seen.Add(key))
                {
                    yield return item;
                }
            }
        }
    }

    private static JinjaValue Extreme(
        RenderContext context, JinjaValue value, JinjaValue?[] arguments, int direction)
    {
        (JinjaValue Key, JinjaValue Item)? best = null;
        foreach (var item in Iteration.ToList(context, value))
        {
            var key = Key(context, item, arguments[1], arguments[0]?.IsTrue ?? false);
            if (best is not { } found
                || Equality.Compare(context, key, found.Key, "<") * direction < 0)
            {
                best = (key, item);
            }
        }
        return best?.Item ?? new UndefinedValue("no aggregated item, the sequence was empty");
    }

    private static JinjaValue Sum(
        RenderContext context, JinjaValue value, JinjaValue?[] arguments)
    {
        var sum = arguments[1] ?? JinjaValue.From(0L);
        if (sum is StringValue)
        {
            throw context.Error("sum() can't sum strings");
        }
        foreach (var item in Iteration.ToList(context, value))
        {
            context.Step();
            sum = Operators.Apply(context, "+", sum, arguments[0] is { } path and not NoneValue
                ? Attributes.Path(context, item, path)
                : item);
        }
        return sum;
    }

    private static GeneratorValue Items(RenderContext context, JinjaValue value, JinjaValue?[] _)
    {
        return new GeneratorValue(context, Pairs());

        IEnumerable<JinjaValue> Pairs()
        {
            return value switch
            {
                UndefinedValue => [],
                DictValue dict => new ViewValue(dict, ViewKind.Items).Elements,
                _ => throw context.Error("can only get item pairs from a mapping"),
            };
        }
    }

    private static ListValue DictSort(
        RenderContext context, JinjaValue value, JinjaValue?[] arguments)
    {
        if (value is not DictValue dict)
        {
            throw value is UndefinedValue
                ? Operators.Undefined(context, value)
                : context.Error($"'{value.TypeName}' object has no attribute 'items'");
        }
        int position = arguments[1] switch
        {
            null or StringValue { Text: "key" } => 0,
            StringValue { Text: "value" } => 1,
            _ => throw context.Error("you can only sort by either \"key\" or \"value\""),
        };
        bool caseSensitive = arguments[0]?.IsTrue ?? false;
        var items = Iteration.ToList(context, new ViewValue(dict, ViewKind.Items));
        return context.List(SortBy(
            context,
            items,
            item => Key(context, ((ListValue)item).Items[position], null, caseSensitive),
            arguments[2]?.IsTrue ?? false));
    }

    private static GeneratorValue Batch(
        RenderContext context, JinjaValue value, JinjaValue?[] arguments)
    {
        return new GeneratorValue(context, Batches());

        IEnumerable<JinjaValue> Batches()
        {
            int size = TextTools.RequireInt(context, arguments[0]!, "batch");
            var current = new List<JinjaValue>();
            foreach (var item in Iteration.Elements(context, value))
            {
                if (current.Count == size)
                {
                    yield return context.List(current);
                    current = [];
                }
                context.AllocateItems(1);
                current.Add(item);
            }
            if (current.Count > 0)
            {
                if (arguments[1] is { } fill and not NoneValue && current.Count < size)
                {
                    context.AllocateItems(size);
                    current.AddRange(Enumerable.Repeat(fill, size - current.Count));
                }
                yield return context.List(current);
            }
        }
    }

    private static GeneratorValue Slices(
        RenderContext context, JinjaValue value, JinjaValue?[] arguments)
    {
        return new GeneratorValue(context, Parts());

        IEnumerable<JinjaValue> Parts()
        {
            int count = TextTools.RequireInt(context, arguments[0]!, "slice");
            var items = Iteration.ToList(context, value);
            if (count == 0)
            {
                throw context.Error("integer division or modulo by zero");
            }
            int size = items.Count / count;
            int extra = items.Count % count;
            int start = 0;
            for (int i = 0; i < count; i++)
            {
                int end = start + size + (i < extra ? 1 : 0);
                List<JinjaValue> part = [.. items.Skip(start).Take(end - start)];
                if (arguments[1] is { } fill and not NoneValue && i >= extra)
                {
                    part.Add(fill);
                }
                yield return context.List(part);
                start = end;
            }
        }
    }

    private static ListValue GroupBy(
        RenderContext context, JinjaValue value, JinjaValue?[] arguments)
    {
        bool caseSensitive = arguments[2]?.IsTrue ?? false;
        JinjaValue KeyOf(JinjaValue item) =>
            Key(context, item, arguments[0], caseSensitive, arguments[1]);
        var sorted = SortBy(context, Iteration.ToList(context, value), KeyOf, reverse: false);
        var groups = new List<JinjaValue>();
        var current = new List<JinjaValue>();
        JinjaValue? last = null;
        void Close()
        {
            if (current.Count > 0)
            {
                var key = Attributes.Path(context, current[0], arguments[0]!, arguments[1]);
                groups.Add(context.List([key, context.List(current)], isTuple: true));
            }
            current = [];
        }

        foreach (var item in sorted)
        {
            var key = KeyOf(item);
            if (last is not null && !Equality.Equal(context, last, key))
            {
                Close();
            }
            current.Add(item);
            last = key;
        }
        Close();
        return context.List(groups);
    }

    /// <summary><c>attr</c> sees members and methods, never the elements of a dict.</summary>
    private static JinjaValue Attribute(
        RenderContext context, JinjaValue value, JinjaValue?[] arguments)
    {
        string name = TextTools.Require(context, arguments[0], "attr");
        return value is DictValue dict
            ? CollectionMethods.Find(dict, name) ?? UndefinedValue.Attribute(value, name)
            : Attributes.Member(context, value, name);
    }
}
