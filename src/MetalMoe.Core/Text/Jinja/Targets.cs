namespace MetalMoe.Core.Text.Jinja;

/// <summary>What an assignment or a loop writes into.</summary>
internal abstract class Target
{
    public abstract void Assign(RenderContext context, Scope scope, JinjaValue value);
}

internal sealed class NameTarget(string name) : Target
{
    public override void Assign(RenderContext context, Scope scope, JinjaValue value) =>
        scope.Set(name, value);
}

/// <summary><c>ns.name</c>: only namespaces can be written to.</summary>
internal sealed class NamespaceTarget(int offset, string owner, string name) : Target
{
    public override void Assign(RenderContext context, Scope scope, JinjaValue value)
    {
        context.Offset = offset;
        if (scope.Find(owner) is not NamespaceValue space)
        {
            throw context.Error("cannot assign attribute on non-namespace object");
        }
        context.AllocateItems(1);
        space.Attributes[name] = value;
    }
}

/// <summary><c>a, (b, c)</c>.</summary>
internal sealed class TupleTarget(int offset, IReadOnlyList<Target> targets) : Target
{
    public override void Assign(RenderContext context, Scope scope, JinjaValue value)
    {
        context.Offset = offset;
        var items = Iteration.ToList(context, value);
        if (items.Count != targets.Count)
        {
            throw context.Error(items.Count < targets.Count
                ? $"not enough values to unpack (expected {targets.Count}, got {items.Count})"
                : $"too many values to unpack (expected {targets.Count})");
        }
        for (int i = 0; i < items.Count; i++)
        {
            targets[i].Assign(context, scope, items[i]);
        }
    }
}
