namespace MetalMoe.Core.Text.Jinja;

/// <summary>
/// Variables by name. Loops (each turn), macros, and blocks have a scope of their own; assignments
/// stay in the innermost one, reading looks outwards. Scopes are lexical: a macro reads where it
/// was defined, not where it is called.
/// </summary>
internal sealed class Scope(Scope? parent, IReadOnlyDictionary<string, JinjaValue>? given = null)
{
    private Dictionary<string, JinjaValue>? _variables;

    public void Set(string name, JinjaValue value) => (_variables ??= [])[name] = value;

    public JinjaValue? Find(string name)
    {
        for (var scope = this; scope is not null; scope = scope.Outer)
        {
            if (scope._variables is { } variables && variables.TryGetValue(name, out var value)
                || scope.Given is { } given && given.TryGetValue(name, out value))
            {
                return value;
            }
        }
        return null;
    }

    private Scope? Outer { get; } = parent;

    private IReadOnlyDictionary<string, JinjaValue>? Given { get; } = given;
}
