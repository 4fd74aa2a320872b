using System.Collections.Frozen;
using System.Numerics;

namespace MetalMoe.Core.Text.Jinja;

/// <summary>The functions that every chat template can call.</summary>
internal static class Globals
{
    private static readonly FrozenDictionary<string, JinjaValue> _functions =
        new Dictionary<string, JinjaValue>
        {
            ["range"] = new Function(Range),
            ["namespace"] = new Function(Namespace),
            ["dict"] = new Function((context, arguments) => Dict(context, "dict", arguments)),
            ["raise_exception"] = new Function(RaiseException),
            ["strftime_now"] = new Function(StrftimeNow),
            ["cycler"] = new Function((context, arguments) => arguments.Positional.Count > 0
                ? new CyclerValue(arguments.Positional)
                : throw context.Error("at least one item has to be provided")),
            ["joiner"] = new Function((context, arguments) => new JoinerValue(
                arguments.Bind(context, "joiner", "sep")[0] ?? new StringValue(", "))),
        }.ToFrozenDictionary();

    public static JinjaValue? Find(string name) => _functions.GetValueOrDefault(name);

    private static RangeValue Range(RenderContext context, Arguments arguments)
    {
        if (arguments.Positional.Count is < 1 or > 3 || arguments.Named.Count > 0)
        {
            throw context.Error("range expects 1 to 3 positional arguments");
        }
        var numbers = arguments.Positional.Select(value => value is BoolValue or IntValue
            ? Equality.Integer(value)
            : throw context.Error(
                $"'{value.TypeName}' object cannot be interpreted as an integer")).ToArray();
        var start = numbers.Length > 1 ? numbers[0] : BigInteger.Zero;
        var stop = numbers.Length > 1 ? numbers[1] : numbers[0];
        var step = numbers.Length > 2 ? numbers[2] : BigInteger.One;
        if (step.IsZero)
        {
            throw context.Error("range() arg 3 must not be zero");
        }
        var count = step.Sign > 0
            ? (stop - start + step - 1) / step
            : (start - stop - step - 1) / -step;
        count = BigInteger.Max(count, BigInteger.Zero);
        return count <= context.Limits.MaxRange
            ? new RangeValue(start, stop, step, (int)count)
            : throw context.Limit($"a range of more than {context.Limits.MaxRange} elements");
    }

    private static NamespaceValue Namespace(RenderContext context, Arguments arguments)
    {
        context.AllocateItems(1);
        var space = new NamespaceValue();
        foreach (var (key, value) in Dict(context, "namespace", arguments).Entries)
        {
            space.Attributes[PythonText.Str(key)] = value;
        }
        return space;
    }

    /// <summary>Python's <c>dict(mapping or pairs, **named)</c>.</summary>
    private static DictValue Dict(RenderContext context, string function, Arguments arguments)
    {
        if (arguments.Positional.Count > 1)
        {
            throw context.Error($"{function} expected at most 1 argument, "
                + $"got {arguments.Positional.Count}");
        }
        var builder = new DictBuilder();
        if (arguments.Positional.Count == 1)
        {
            Fill(context, builder, arguments.Positional[0]);
        }
        foreach (var (name, value) in arguments.Named)
        {
            builder.Set(new StringValue(name), value);
        }
        return context.Dict(builder);
    }

    private static void Fill(RenderContext context, DictBuilder builder, JinjaValue source)
    {
        if (source is DictValue dict)
        {
            foreach (var (key, value) in dict.Entries)
            {
                builder.Set(key, value);
            }
            return;
        }
        foreach (var pair in Iteration.ToList(context, source))
        {
            var items = Iteration.ToList(context, pair);
            if (items.Count != 2 || !items[0].IsHashable)
            {
                throw context.Error("a dict needs pairs of a hashable key and a value");
            }
            builder.Set(items[0], items[1]);
        }
    }

    private static JinjaValue RaiseException(RenderContext context, Arguments arguments)
    {
        var message = arguments.Bind(context, "raise_exception", "message!")[0]!;
        throw context.Raised(PythonText.Str(message, context));
    }

    private static StringValue StrftimeNow(RenderContext context, Arguments arguments)
    {
        var format = arguments.Bind(context, "strftime_now", "format!")[0]!;
        return format is StringValue text
            ? context.Text(Strftime.Format(context.Clock.GetLocalNow(), text.Text))
            : throw context.Error($"strftime_now needs a str, not {format.TypeName}");
    }
}
