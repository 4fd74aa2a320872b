using System.Numerics;

namespace MetalMoe.Core.Text.Jinja;

/// <summary>A list or a tuple.</summary>
internal sealed class ListValue : JinjaValue
{
    public ListValue(IReadOnlyList<JinjaValue> items, bool isTuple = false)
    {
        Items = items;
        IsTuple = isTuple;
        int depth = 0;
        long weight = 1;
        bool hashable = isTuple;
        foreach (var item in items)
        {
            depth = Math.Max(depth, item.Depth);
            weight = Math.Min(weight + item.Weight, long.MaxValue / 4);
            hashable = hashable && item.IsHashable;
        }
        Depth = depth + 1;
        Weight = weight;
        IsHashable = hashable;
    }

    public IReadOnlyList<JinjaValue> Items { get; }

    public bool IsTuple { get; }

    internal override string TypeName => IsTuple ? "tuple" : "list";

    internal override bool IsTrue => Items.Count > 0;

    internal override int Length => Items.Count;

    internal override int Depth { get; }

    internal override long Weight { get; }

    internal override bool IsHashable { get; }
}

/// <summary>A dict in insertion order.</summary>
internal sealed class DictValue : JinjaValue
{
    internal DictValue(
        OrderedDictionary<JinjaValue, JinjaValue> entries, int depth, long weight)
    {
        Entries = entries;
        Depth = depth;
        Weight = weight;
    }

    public OrderedDictionary<JinjaValue, JinjaValue> Entries { get; }

    internal override string TypeName => "dict";

    internal override bool IsTrue => Entries.Count > 0;

    internal override int Length => Entries.Count;

    internal override int Depth { get; }

    internal override long Weight { get; }

    internal override bool IsHashable => false;

    public JinjaValue? Find(JinjaValue key) =>
        key.IsHashable && Entries.TryGetValue(key, out var value) ? value : null;
}

/// <summary>Collects the entries of a dict; a repeated key keeps its first place.</summary>
internal sealed class DictBuilder
{
    private readonly OrderedDictionary<JinjaValue, JinjaValue> _entries = new(KeyComparer.Instance);
    private int _depth;
    private long _weight = 1;

    public void Set(JinjaValue key, JinjaValue value)
    {
        _depth = Math.Max(_depth, Math.Max(key.Depth, value.Depth));
        _weight = Math.Min(_weight + key.Weight + value.Weight, long.MaxValue / 4);
        _entries[key] = value;
    }

    public DictValue Build() => new(_entries, _depth + 1, _weight);
}

/// <summary>Which part of a dict a view shows.</summary>
internal enum ViewKind
{
    Keys,
    Values,
    Items,
}

/// <summary>What <c>dict.keys()</c>, <c>values()</c> and <c>items()</c> return.</summary>
internal sealed class ViewValue(DictValue dict, ViewKind kind) : JinjaValue
{
    public DictValue Dict { get; } = dict;

    public ViewKind Kind { get; } = kind;

    internal override string TypeName => Kind switch
    {
        ViewKind.Keys => "dict_keys",
        ViewKind.Values => "dict_values",
        _ => "dict_items",
    };

    internal override bool IsTrue => Dict.IsTrue;

    internal override int Length => Dict.Length;

    // Items are wrapped in tuples, so the view is one level deeper than its dict.
    internal override int Depth => Dict.Depth + 1;

    internal override long Weight => Dict.Weight;

    internal override bool IsHashable => false;

    public IEnumerable<JinjaValue> Elements => Kind switch
    {
        ViewKind.Keys => Dict.Entries.Keys,
        ViewKind.Values => Dict.Entries.Values,
        _ => Dict.Entries.Select(e => new ListValue([e.Key, e.Value], isTuple: true)),
    };
}

/// <summary>An arithmetic progression that is never spelled out.</summary>
internal sealed class RangeValue(BigInteger start, BigInteger stop, BigInteger step, int count)
    : JinjaValue
{
    public BigInteger Start { get; } = start;

    public BigInteger Stop { get; } = stop;

    public BigInteger Step { get; } = step;

    internal override string TypeName => "range";

    internal override bool IsTrue => Length > 0;

    internal override int Length { get; } = count;

    public IntValue At(int index) => new(Start + index * Step);
}

/// <summary>
/// What the lazy filters return: true even when empty, without a length, computed as it is walked
/// through, and gone after that.
/// </summary>
internal sealed class GeneratorValue(
    RenderContext context, IEnumerable<JinjaValue> items, string typeName = "generator")
    : JinjaValue
{
    private IEnumerator<JinjaValue>? _items;

    internal override string TypeName { get; } = typeName;

    /// <summary>The next element, or null at the end.</summary>
    public JinjaValue? TakeOne()
    {
        // Generators can be stacked without end; each takes from the one below.
        context.Step();
        context.Enter();
        _items ??= items.GetEnumerator();
        var next = _items.MoveNext() ? _items.Current : null;
        context.Leave();
        return next;
    }

    /// <summary>The elements not yet taken.</summary>
    public IEnumerable<JinjaValue> TakeAll()
    {
        while (TakeOne() is { } item)
        {
            yield return item;
        }
    }
}

/// <summary>The only thing a template can assign into: <c>namespace(...)</c>.</summary>
internal sealed class NamespaceValue : JinjaValue
{
    public OrderedDictionary<string, JinjaValue> Attributes { get; } = [];

    internal override string TypeName => "Namespace";
}
