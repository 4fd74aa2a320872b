namespace MetalMoe.Core.Text.Jinja;

/// <summary>The arguments of a call as written.</summary>
internal sealed class ArgumentList(
    IReadOnlyList<(Expression Value, bool Spread)> positional,
    IReadOnlyList<(string Name, Expression Value)> named,
    Expression? namedSpread)
{
    public static readonly ArgumentList Empty = new([], [], null);

    public static ArgumentList Single(Expression value) => new([(value, false)], [], null);

    public Arguments Evaluate(RenderContext context, Scope scope)
    {
        if (this == Empty)
        {
            return new Arguments();
        }
        var result = new Arguments();
        foreach (var (expression, spread) in positional)
        {
            var value = expression.Evaluate(context, scope);
            context.Offset = expression.Offset;
            if (spread)
            {
                result.Positional.AddRange(Iteration.ToList(context, value));
            }
            else
            {
                result.Positional.Add(value);
            }
        }
        foreach (var (name, expression) in named)
        {
            var value = expression.Evaluate(context, scope);
            context.Offset = expression.Offset;
            result.Add(context, name, value);
        }
        if (namedSpread is not null)
        {
            AddSpread(context, result, namedSpread.Evaluate(context, scope));
        }
        return result;
    }

    private void AddSpread(RenderContext context, Arguments result, JinjaValue value)
    {
        context.Offset = namedSpread!.Offset;
        if (value is not DictValue dict)
        {
            throw context.Error($"argument after ** must be a mapping, not {value.TypeName}");
        }
        context.AllocateItems(dict.Length);
        foreach (var (key, item) in dict.Entries)
        {
            result.Add(context, key is StringValue name
                ? name.Text : throw context.Error("keywords must be strings"), item);
        }
    }
}

/// <summary>The values of a call.</summary>
internal sealed class Arguments
{
    public List<JinjaValue> Positional { get; init; } = [];

    public OrderedDictionary<string, JinjaValue> Named { get; } = [];

    public void Add(RenderContext context, string name, JinjaValue value)
    {
        if (!Named.TryAdd(name, value))
        {
            throw context.Error($"got multiple values for keyword argument '{name}'");
        }
    }

    /// <summary>
    /// The values in the order of the parameter names, null where not given. A name that ends in
    /// <c>!</c> must be given; too many or unknown arguments are errors.
    /// </summary>
    public JinjaValue?[] Bind(RenderContext context, string function, params string[] parameters)
    {
        if (Positional.Count > parameters.Length)
        {
            throw context.Error($"{function} takes at most {parameters.Length} arguments, "
                + $"got {Positional.Count}");
        }
        var values = new JinjaValue?[parameters.Length];
        int named = 0;
        for (int i = 0; i < parameters.Length; i++)
        {
            string name = parameters[i].TrimEnd('!');
            bool given = Named.TryGetValue(name, out var value);
            named += given ? 1 : 0;
            if (given && i < Positional.Count)
            {
                throw context.Error($"{function} got multiple values for argument '{name}'");
            }
            values[i] = i < Positional.Count ? Positional[i] : value;
            if (values[i] is null && parameters[i].EndsWith('!'))
            {
                throw context.Error($"{function} is missing its argument '{name}'");
            }
        }
        if (named < Named.Count)
        {
            string unknown = Named.Keys.First(k => !parameters.Any(p => p.TrimEnd('!') == k));
            throw context.Error($"{function} got an unexpected keyword argument '{unknown}'");
        }
        return values;
    }
}
