using System.Collections.Frozen;

namespace MetalMoe.Core.Text.Jinja;

/// <summary>A filter's code: the value on the left of the bar and the bound arguments.</summary>
internal delegate JinjaValue FilterBody(
    RenderContext context, JinjaValue value, JinjaValue?[] arguments);

/// <summary>A filter with the names of its parameters.</summary>
internal sealed record FilterSpec(FilterBody Body, params string[] Parameters);

/// <summary>
/// What can follow a bar. Jinja2's filters but for those that make HTML (<c>urlize</c>,
/// <c>xmlattr</c>, <c>striptags</c>), guess (<c>random</c>) or are for people (<c>pprint</c>,
/// <c>filesizeformat</c>, <c>wordwrap</c>).
/// </summary>
internal static class Filters
{
    private static readonly FrozenDictionary<string, FilterSpec> _filters = TextFilters.All
        .Concat(NumberFilters.All)
        .Concat(SequenceFilters.All)
        .ToFrozenDictionary(entry => entry.Name, entry => entry.Spec);

    private static readonly string[] _variadic =
        ["map", "select", "reject", "selectattr", "rejectattr", "format"];

    public static bool Exists(string name) =>
        _filters.ContainsKey(name) || _variadic.Contains(name);

    public static JinjaValue Apply(
        RenderContext context, string name, JinjaValue value, Arguments arguments)
    {
        if (_filters.TryGetValue(name, out var filter))
        {
            return filter.Body(
                context, value, arguments.Bind(context, $"the filter {name}", filter.Parameters));
        }
        return name switch
        {
            "map" => MappingFilters.Map(context, value, arguments),
            "select" => MappingFilters.Select(context, value, arguments, true, false),
            "reject" => MappingFilters.Select(context, value, arguments, false, false),
            "selectattr" => MappingFilters.Select(context, value, arguments, true, true),
            "rejectattr" => MappingFilters.Select(context, value, arguments, false, true),
            "format" => PrintfFormat.Filter(context, value, arguments),
            _ => throw context.Error($"no filter named '{name}'"),
        };
    }
}
