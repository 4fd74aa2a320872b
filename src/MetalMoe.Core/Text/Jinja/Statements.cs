namespace MetalMoe.Core.Text.Jinja;

/// <summary>How a statement ended.</summary>
internal enum Flow
{
    Next,
    Break,
    Continue,
}

/// <summary>A piece of the template that writes output or changes variables.</summary>
internal abstract class Statement(int offset)
{
    public int Offset { get; } = offset;

    public abstract Flow Execute(RenderContext context, Scope scope);
}

/// <summary>Statements in order.</summary>
internal sealed class Block(int offset, IReadOnlyList<Statement> statements) : Statement(offset)
{
    public override Flow Execute(RenderContext context, Scope scope)
    {
        context.Enter();
        var flow = Flow.Next;
        for (int i = 0; i < statements.Count && flow == Flow.Next; i++)
        {
            flow = statements[i].Execute(context, scope);
        }
        context.Leave();
        return flow;
    }

    /// <summary>The text that the statements write.</summary>
    public string Render(RenderContext context, Scope scope) =>
        context.Capture(() => Execute(context, scope));
}

internal sealed class Output(int offset, Expression value) : Statement(offset)
{
    public override Flow Execute(RenderContext context, Scope scope)
    {
        var result = value.Evaluate(context, scope);
        context.Offset = Offset;
        context.Write(PythonText.Str(result, context));
        return Flow.Next;
    }
}

internal sealed class Data(int offset, string text) : Statement(offset)
{
    public override Flow Execute(RenderContext context, Scope scope)
    {
        context.Step();
        context.Offset = Offset;
        context.Write(text);
        return Flow.Next;
    }
}

internal sealed class If(
    int offset, IReadOnlyList<(Expression Test, Block Body)> branches, Block? otherwise)
    : Statement(offset)
{
    public override Flow Execute(RenderContext context, Scope scope)
    {
        foreach (var (test, body) in branches)
        {
            context.Step();
            if (test.Evaluate(context, scope).IsTrue)
            {
                return body.Execute(context, scope);
            }
        }
        return otherwise?.Execute(context, scope) ?? Flow.Next;
    }
}

internal sealed class For(int offset) : Statement(offset)
{
    public required Target Target { get; init; }

    public required Expression Source { get; init; }

    public required Expression? Condition { get; init; }

    public required Block Body { get; init; }

    public required Block? Otherwise { get; init; }

    public required bool IsRecursive { get; init; }

    public override Flow Execute(RenderContext context, Scope scope)
    {
        var source = Source.Evaluate(context, scope);
        context.Offset = Source.Offset;
        Run(context, scope, source, depth: 0);
        return Flow.Next;
    }

    /// <summary>Walks through a source; <c>loop(...)</c> comes back one level deeper.</summary>
    public void Run(RenderContext context, Scope scope, JinjaValue source, int depth)
    {
        var items = Select(context, scope, Iteration.ToList(context, source));
        var loop = new LoopValue(this, scope, items, depth);
        bool completed = false;
        for (int i = 0; i < items.Count; i++)
        {
            context.Step();
            var turn = new Scope(scope);
            loop.MoveTo(i);
            turn.Set("loop", loop);
            Target.Assign(context, turn, items[i]);
            var flow = Body.Execute(context, turn);
            completed |= flow == Flow.Next;
            if (flow == Flow.Break)
            {
                break;
            }
        }
        // As in Jinja2, a turn cut short by break or continue does not count.
        if (!completed)
        {
            Otherwise?.Execute(context, new Scope(scope));
        }
    }

    private IReadOnlyList<JinjaValue> Select(
        RenderContext context, Scope scope, IReadOnlyList<JinjaValue> items)
    {
        if (Condition is null)
        {
            return items;
        }
        var kept = new List<JinjaValue>();
        foreach (var item in items)
        {
            var trial = new Scope(scope);
            Target.Assign(context, trial, item);
            if (Condition.Evaluate(context, trial).IsTrue)
            {
                kept.Add(item);
            }
        }
        return kept;
    }
}

internal sealed class LoopControl(int offset, Flow flow) : Statement(offset)
{
    public override Flow Execute(RenderContext context, Scope scope)
    {
        context.Step();
        return flow;
    }
}

/// <summary><c>{% set target = value %}</c>.</summary>
internal sealed class Assignment(int offset, Target target, Expression value) : Statement(offset)
{
    public override Flow Execute(RenderContext context, Scope scope)
    {
        var result = value.Evaluate(context, scope);
        context.Offset = Offset;
        target.Assign(context, scope, result);
        return Flow.Next;
    }
}

/// <summary><c>{% set target %}...{% endset %}</c>, with filters on the way.</summary>
internal sealed class BlockAssignment(
    int offset, Target target, Block body, Func<Expression, Expression>? filter)
    : Statement(offset)
{
    public override Flow Execute(RenderContext context, Scope scope)
    {
        JinjaValue text = new StringValue(body.Render(context, new Scope(scope)));
        var value = filter?.Invoke(new Constant(Offset, text)).Evaluate(context, scope) ?? text;
        context.Offset = Offset;
        target.Assign(context, scope, value);
        return Flow.Next;
    }
}

/// <summary><c>{% filter name %}...{% endfilter %}</c>.</summary>
internal sealed class FilterBlock(int offset, Block body, Func<Expression, Expression> filter)
    : Statement(offset)
{
    public override Flow Execute(RenderContext context, Scope scope)
    {
        var text = new StringValue(body.Render(context, new Scope(scope)));
        var value = filter(new Constant(Offset, text)).Evaluate(context, scope);
        context.Offset = Offset;
        context.Write(PythonText.Str(value, context));
        return Flow.Next;
    }
}

/// <summary>
/// A body with a scope of its own: <c>{% with a = 1 %}</c>, and <c>{% generation %}</c>, which
/// only marks what the model wrote.
/// </summary>
internal sealed class ScopedBlock(
    int offset, IReadOnlyList<(Target Target, Expression Value)> variables, Block body)
    : Statement(offset)
{
    public override Flow Execute(RenderContext context, Scope scope)
    {
        var inner = new Scope(scope);
        foreach (var (target, expression) in variables)
        {
            var value = expression.Evaluate(context, scope);
            context.Offset = Offset;
            target.Assign(context, inner, value);
        }
        return body.Execute(context, inner);
    }
}

/// <summary><c>{% macro name(parameters) %}</c>.</summary>
internal sealed class MacroDefinition(int offset, MacroBody macro) : Statement(offset)
{
    public override Flow Execute(RenderContext context, Scope scope)
    {
        context.Step();
        scope.Set(macro.Name, new MacroValue(macro, scope));
        return Flow.Next;
    }
}

/// <summary><c>{% call(parameters) macro(arguments) %}...{% endcall %}</c>.</summary>
internal sealed class CallBlock(int offset, Call call, MacroBody body) : Statement(offset)
{
    public override Flow Execute(RenderContext context, Scope scope)
    {
        var result = call.Evaluate(context, scope, new MacroValue(body, scope));
        context.Offset = Offset;
        context.Write(PythonText.Str(result, context));
        return Flow.Next;
    }
}
