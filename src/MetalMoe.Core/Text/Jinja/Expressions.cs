namespace MetalMoe.Core.Text.Jinja;

/// <summary>An expression of the template; knows where it stands in the source.</summary>
internal abstract class Expression(int offset)
{
    public int Offset { get; } = offset;

    /// <summary>The value; counts a step and a level of nesting.</summary>
    public JinjaValue Evaluate(RenderContext context, Scope scope)
    {
        context.Step();
        context.Enter();
        var value = Compute(context, scope);
        context.Leave();
        return value;
    }

    protected abstract JinjaValue Compute(RenderContext context, Scope scope);
}

internal sealed class Constant(int offset, JinjaValue value) : Expression(offset)
{
    public JinjaValue Value { get; } = value;

    protected override JinjaValue Compute(RenderContext context, Scope scope) => Value;
}

internal sealed class Name(int offset, string name) : Expression(offset)
{
    public string Text { get; } = name;

    protected override JinjaValue Compute(RenderContext context, Scope scope) =>
        scope.Find(Text) ?? Globals.Find(Text) ?? UndefinedValue.Name(Text);
}

internal sealed class Sequence(int offset, IReadOnlyList<Expression> items, bool isTuple)
    : Expression(offset)
{
    public IReadOnlyList<Expression> Items { get; } = items;

    public bool IsTuple { get; } = isTuple;

    protected override JinjaValue Compute(RenderContext context, Scope scope)
    {
        var values = new JinjaValue[Items.Count];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = Items[i].Evaluate(context, scope);
        }
        context.Offset = Offset;
        return context.List(values, IsTuple);
    }
}

internal sealed class DictLiteral(
    int offset, IReadOnlyList<(Expression Key, Expression Value)> entries) : Expression(offset)
{
    protected override JinjaValue Compute(RenderContext context, Scope scope)
    {
        var builder = new DictBuilder();
        foreach (var (key, value) in entries)
        {
            var name = key.Evaluate(context, scope);
            var content = value.Evaluate(context, scope);
            context.Offset = key.Offset;
            context.Work(name.Weight);
            if (!name.IsHashable)
            {
                throw context.Error($"unhashable type: '{name.TypeName}'");
            }
            builder.Set(name, content);
        }
        context.Offset = Offset;
        return context.Dict(builder);
    }
}

/// <summary><c>not</c>, <c>-</c> or <c>+</c> before an operand.</summary>
internal sealed class Unary(int offset, string symbol, Expression operand) : Expression(offset)
{
    protected override JinjaValue Compute(RenderContext context, Scope scope)
    {
        var value = operand.Evaluate(context, scope);
        context.Offset = Offset;
        return symbol switch
        {
            "not" => JinjaValue.From(!value.IsTrue),
            "-" => Operators.Negate(context, value),
            _ => Operators.Plus(context, value),
        };
    }
}

internal sealed class Binary(int offset, string symbol, Expression left, Expression right)
    : Expression(offset)
{
    protected override JinjaValue Compute(RenderContext context, Scope scope)
    {
        var a = left.Evaluate(context, scope);
        var b = right.Evaluate(context, scope);
        context.Offset = Offset;
        return Operators.Apply(context, symbol, a, b);
    }
}

/// <summary><c>and</c> and <c>or</c>, which return one of their operands.</summary>
internal sealed class Logical(int offset, bool isAnd, Expression left, Expression right)
    : Expression(offset)
{
    protected override JinjaValue Compute(RenderContext context, Scope scope)
    {
        var value = left.Evaluate(context, scope);
        return value.IsTrue == isAnd ? right.Evaluate(context, scope) : value;
    }
}

/// <summary>A chain of comparisons: <c>a &lt; b &lt;= c</c> means what it says.</summary>
internal sealed class Comparison(
    int offset, Expression first, IReadOnlyList<(string Symbol, Expression Operand)> rest)
    : Expression(offset)
{
    protected override JinjaValue Compute(RenderContext context, Scope scope)
    {
        var left = first.Evaluate(context, scope);
        foreach (var (symbol, operand) in rest)
        {
            var right = operand.Evaluate(context, scope);
            context.Offset = Offset;
            if (!Test(context, symbol, left, right))
            {
                return BoolValue.False;
            }
            left = right;
        }
        return BoolValue.True;
    }

    public static bool Test(RenderContext context, string symbol, JinjaValue a, JinjaValue b)
    {
        return symbol switch
        {
            "==" => Equality.Equal(context, a, b),
            "!=" => !Equality.Equal(context, a, b),
            "in" => Operators.Contains(context, b, a),
            "not in" => !Operators.Contains(context, b, a),
            "<" => Equality.Compare(context, a, b, symbol) < 0,
            "<=" => Equality.Compare(context, a, b, symbol) <= 0,
            ">" => Equality.Compare(context, a, b, symbol) > 0,
            _ => Equality.Compare(context, a, b, symbol) >= 0,
        };
    }
}

/// <summary><c>a ~ b ~ c</c>: the operands as text, one after the other.</summary>
internal sealed class Concatenation(int offset, IReadOnlyList<Expression> parts)
    : Expression(offset)
{
    protected override JinjaValue Compute(RenderContext context, Scope scope)
    {
        var texts = new string[parts.Count];
        long length = 0;
        for (int i = 0; i < texts.Length; i++)
        {
            var value = parts[i].Evaluate(context, scope);
            context.Offset = parts[i].Offset;
            texts[i] = PythonText.Str(value, context);
            length += texts[i].Length;
            context.AllocateText(length);
        }
        return new StringValue(string.Concat(texts));
    }
}

/// <summary><c>a if test else b</c>; without the else it may be undefined.</summary>
internal sealed class Conditional(
    int offset, Expression test, Expression whenTrue, Expression? whenFalse) : Expression(offset)
{
    protected override JinjaValue Compute(RenderContext context, Scope scope)
    {
        return test.Evaluate(context, scope).IsTrue
            ? whenTrue.Evaluate(context, scope)
            : whenFalse?.Evaluate(context, scope)
                ?? new UndefinedValue("the inline if-expression has no value: its condition is "
                    + "false and it has no else");
    }
}

/// <summary><c>owner.name</c>.</summary>
internal sealed class Member(int offset, Expression owner, string name) : Expression(offset)
{
    public Expression Owner { get; } = owner;

    public string Name { get; } = name;

    protected override JinjaValue Compute(RenderContext context, Scope scope)
    {
        var value = Owner.Evaluate(context, scope);
        context.Offset = Offset;
        return Attributes.Member(context, value, Name);
    }
}

/// <summary><c>owner[key]</c>.</summary>
internal sealed class Subscript(int offset, Expression owner, Expression key) : Expression(offset)
{
    protected override JinjaValue Compute(RenderContext context, Scope scope)
    {
        var value = owner.Evaluate(context, scope);
        var index = key.Evaluate(context, scope);
        context.Offset = Offset;
        return Attributes.Element(context, value, index);
    }
}

/// <summary><c>owner[start:stop:step]</c>.</summary>
internal sealed class Slice(
    int offset, Expression owner, Expression? start, Expression? stop, Expression? step)
    : Expression(offset)
{
    protected override JinjaValue Compute(RenderContext context, Scope scope)
    {
        var value = owner.Evaluate(context, scope);
        var from = start?.Evaluate(context, scope) ?? JinjaValue.None;
        var to = stop?.Evaluate(context, scope) ?? JinjaValue.None;
        var by = step?.Evaluate(context, scope) ?? JinjaValue.None;
        context.Offset = Offset;
        return Slicing.Slice(context, value, from, to, by);
    }
}

internal sealed class Call(int offset, Expression callee, ArgumentList arguments)
    : Expression(offset)
{
    protected override JinjaValue Compute(RenderContext context, Scope scope) =>
        Evaluate(context, scope, caller: null);

    /// <summary>Calls, with the body of a call block as <c>caller</c> when there is one.</summary>
    public JinjaValue Evaluate(RenderContext context, Scope scope, JinjaValue? caller)
    {
        context.Step();
        var function = callee.Evaluate(context, scope);
        var values = arguments.Evaluate(context, scope);
        if (caller is not null)
        {
            values.Add(context, "caller", caller);
        }
        context.Offset = Offset;
        return Callable.Invoke(context, function, values);
    }
}

/// <summary><c>value | filter(arguments)</c>.</summary>
internal sealed class FilterCall(
    int offset, Expression input, string name, ArgumentList arguments) : Expression(offset)
{
    protected override JinjaValue Compute(RenderContext context, Scope scope)
    {
        var value = input.Evaluate(context, scope);
        var values = arguments.Evaluate(context, scope);
        context.Offset = Offset;
        return Filters.Apply(context, name, value, values);
    }
}

/// <summary><c>value is test(arguments)</c>.</summary>
internal sealed class TestCall(
    int offset, Expression input, string name, ArgumentList arguments) : Expression(offset)
{
    protected override JinjaValue Compute(RenderContext context, Scope scope)
    {
        var value = input.Evaluate(context, scope);
        var values = arguments.Evaluate(context, scope);
        context.Offset = Offset;
        return JinjaValue.From(Tests.Apply(context, name, value, values));
    }
}
