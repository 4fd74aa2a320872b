namespace MetalMoe.Core.Text.Jinja;

/// <summary>Something a template can call: a global function, a macro, a method.</summary>
internal abstract class Callable : JinjaValue
{
    internal override string TypeName => "function";

    public abstract JinjaValue Invoke(RenderContext context, Arguments arguments);

    /// <summary>Calls a value, which must be callable.</summary>
    public static JinjaValue Invoke(
        RenderContext context, JinjaValue function, Arguments arguments)
    {
        return function switch
        {
            Callable callable => callable.Invoke(context, arguments),
            UndefinedValue => throw Operators.Undefined(context, function),
            _ => throw context.Error($"'{function.TypeName}' object is not callable"),
        };
    }
}

/// <summary>A function of the host.</summary>
internal sealed class Function(Func<RenderContext, Arguments, JinjaValue> body) : Callable
{
    public override JinjaValue Invoke(RenderContext context, Arguments arguments) =>
        body(context, arguments);
}

/// <summary>A method together with the value it was taken from.</summary>
internal sealed class Method(
    JinjaValue owner, Func<RenderContext, JinjaValue, Arguments, JinjaValue> body) : Callable
{
    internal override string TypeName => "method";

    public override JinjaValue Invoke(RenderContext context, Arguments arguments) =>
        body(context, owner, arguments);
}

/// <summary>A macro or the body of a call block, as parsed.</summary>
internal sealed class MacroBody(
    string name, IReadOnlyList<(string Name, Expression? Default)> parameters, Block body)
{
    public string Name => name;

    public bool UsesCaller { get; init; }

    public bool UsesNamed { get; init; }

    public bool UsesPositional { get; init; }

    /// <summary>Binds the arguments in a scope inside the macro's and renders the body.</summary>
    public JinjaValue Render(RenderContext context, Scope home, Arguments arguments)
    {
        context.Enter();
        var scope = new Scope(home);
        var missing = BindNamed(context, scope, arguments);
        foreach (var (parameter, fallback) in missing)
        {
            scope.Set(parameter, fallback is null
                ? new UndefinedValue($"parameter '{parameter}' was not provided")
                : fallback.Evaluate(context, scope));
        }
        string text = body.Render(context, scope);
        context.Leave();
        return new StringValue(text);
    }

    private List<(string Name, Expression? Default)> BindNamed(
        RenderContext context, Scope scope, Arguments arguments)
    {
        var named = new OrderedDictionary<string, JinjaValue>(arguments.Named);
        var missing = new List<(string, Expression?)>();
        for (int i = 0; i < parameters.Count; i++)
        {
            string parameter = parameters[i].Name;
            if (i < arguments.Positional.Count)
            {
                scope.Set(parameter, arguments.Positional[i]);
            }
            else if (named.Remove(parameter, out var value))
            {
                scope.Set(parameter, value);
            }
            else
            {
                // Until its turn comes, a parameter hides outer variables of the same name.
                scope.Set(parameter, UndefinedValue.Name(parameter));
                missing.Add(parameters[i]);
            }
        }
        if (UsesCaller && parameters.All(p => p.Name != "caller"))
        {
            scope.Set("caller", named.Remove("caller", out var caller)
                ? caller : new UndefinedValue("no caller defined"));
        }
        BindRest(context, scope, arguments, named);
        return missing;
    }

    private void BindRest(
        RenderContext context,
        Scope scope,
        Arguments arguments,
        OrderedDictionary<string, JinjaValue> named)
    {
        if (UsesNamed)
        {
            scope.Set("kwargs", From(named));
        }
        else if (named.Count > 0)
        {
            throw context.Error(
                $"macro '{name}' takes no keyword argument '{named.GetAt(0).Key}'");
        }
        if (UsesPositional)
        {
            var rest = arguments.Positional.Skip(parameters.Count).ToArray();
            scope.Set("varargs", context.List(rest, isTuple: true));
        }
        else if (arguments.Positional.Count > parameters.Count)
        {
            throw context.Error(
                $"macro '{name}' takes not more than {parameters.Count} argument(s)");
        }
    }

    private static JinjaValue From(OrderedDictionary<string, JinjaValue> named) =>
        JinjaValue.From(named);
}

/// <summary>A macro bound to the scope it was defined in.</summary>
internal sealed class MacroValue(MacroBody body, Scope home) : Callable
{
    internal override string TypeName => "Macro";

    public string Name => body.Name;

    public override JinjaValue Invoke(RenderContext context, Arguments arguments) =>
        body.Render(context, home, arguments);
}

/// <summary>The variable <c>loop</c> of a for loop.</summary>
internal sealed class LoopValue(
    For loop, Scope scope, IReadOnlyList<JinjaValue> items, int depth) : Callable
{
    private int _index;
    private JinjaValue? _last;

    internal override string TypeName => "LoopContext";

    internal override int Length => items.Count;

    public void MoveTo(int index) => _index = index;

    /// <summary><c>loop(children)</c> in a recursive loop renders it for them.</summary>
    public override JinjaValue Invoke(RenderContext context, Arguments arguments)
    {
        var source = arguments.Bind(context, "loop", "iterable!")[0]!;
        if (!loop.IsRecursive)
        {
            throw context.Error("the loop must have the 'recursive' marker to be called");
        }
        context.Enter();
        string text = context.Capture(() => loop.Run(context, scope, source, depth + 1));
        context.Leave();
        return new StringValue(text);
    }

    public JinjaValue? Member(string name) => name switch
    {
        "index" => From(_index + 1L),
        "index0" => From((long)_index),
        "revindex" => From((long)items.Count - _index),
        "revindex0" => From(items.Count - _index - 1L),
        "first" => From(_index == 0),
        "last" => From(_index == items.Count - 1),
        "length" => From((long)items.Count),
        "depth" => From(depth + 1L),
        "depth0" => From((long)depth),
        "previtem" => _index > 0
            ? items[_index - 1]
            : new UndefinedValue("there is no previous item"),
        "nextitem" => _index + 1 < items.Count
            ? items[_index + 1]
            : new UndefinedValue("there is no next item"),
        "cycle" => new Function(Cycle),
        "changed" => new Function(Changed),
        _ => null,
    };

    private JinjaValue Cycle(RenderContext context, Arguments arguments)
    {
        return arguments.Positional.Count > 0
            ? arguments.Positional[_index % arguments.Positional.Count]
            : throw context.Error("no items for cycling given");
    }

    private JinjaValue Changed(RenderContext context, Arguments arguments)
    {
        var values = context.List(arguments.Positional, isTuple: true);
        bool changed = _last is null || !Equality.Equal(context, _last, values);
        _last = values;
        return From(changed);
    }
}

/// <summary><c>cycler(...)</c>: hands out its items in turn.</summary>
internal sealed class CyclerValue(IReadOnlyList<JinjaValue> items) : JinjaValue
{
    private int _position;

    internal override string TypeName => "Cycler";

    public JinjaValue? Member(string name) => name switch
    {
        "current" => items[_position],
        "next" => new Function((_, _) =>
        {
            var item = items[_position];
            _position = (_position + 1) % items.Count;
            return item;
        }),
        "reset" => new Function((_, _) =>
        {
            _position = 0;
            return None;
        }),
        _ => null,
    };
}

/// <summary><c>joiner(separator)</c>: nothing the first time, then the separator.</summary>
internal sealed class JoinerValue(JinjaValue separator) : Callable
{
    private bool _used;

    internal override string TypeName => "Joiner";

    public override JinjaValue Invoke(RenderContext context, Arguments arguments)
    {
        if (_used)
        {
            return separator;
        }
        _used = true;
        return StringValue.Empty;
    }
}
