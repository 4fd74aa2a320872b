using System.Text.Json;

namespace MetalMoe.Core.Text.Grammar;

/// <summary>
/// Proves that no value satisfies two branches of a <c>oneOf</c>: by their types, by their
/// constants, or by a required property that tells them apart. What it cannot prove is refused.
/// </summary>
internal sealed class SchemaOverlap(SchemaSource source)
{
    private const int MaxDepth = 8;
    private const int MaxBranches = 200;

    public void RefuseOverlap(SchemaPlace[] branches, string pointer)
    {
        if (branches.Length > MaxBranches)
        {
            throw SchemaKeywords.Refuse(
                pointer, "oneOf", $"must have at most {MaxBranches} branches");
        }
        for (int i = 0; i < branches.Length; i++)
        {
            for (int j = 0; j < i; j++)
            {
                if (!AreDisjoint(branches[j], branches[i], 0))
                {
                    throw SchemaKeywords.Refuse(pointer, "oneOf", $"branches {j} and {i} may both "
                        + "hold for one value; tell them apart by type or constant, or use anyOf");
                }
            }
        }
    }

    private bool AreDisjoint(SchemaPlace a, SchemaPlace b, int depth)
    {
        if (depth > MaxDepth)
        {
            return false;
        }
        a = source.Follow(a);
        b = source.Follow(b);
        if (BranchesOf(a) is { } ofA)
        {
            return ofA.All(branch => AreDisjoint(branch, b, depth + 1));
        }
        if (BranchesOf(b) is { } ofB)
        {
            return ofB.All(branch => AreDisjoint(a, branch, depth + 1));
        }
        var valuesOfA = ValuesOf(a);
        var valuesOfB = ValuesOf(b);
        if (valuesOfA is not null && valuesOfB is not null)
        {
            return !valuesOfA.Exists(x => valuesOfB.Exists(y => JsonElement.DeepEquals(x, y)));
        }
        var typesOfA = TypesOf(a, valuesOfA);
        var typesOfB = TypesOf(b, valuesOfB);
        if (typesOfA == SchemaTypes.None || typesOfB == SchemaTypes.None)
        {
            return false;
        }
        return (typesOfA & typesOfB) == 0
            || ((typesOfA & typesOfB) == SchemaTypes.Object && valuesOfA is null
                && valuesOfB is null && AreObjectsDisjoint(a, b, depth));
    }

    private static SchemaPlace[]? BranchesOf(SchemaPlace place)
    {
        foreach (string keyword in (ReadOnlySpan<string>)["anyOf", "oneOf"])
        {
            if (place.Schema.ValueKind == JsonValueKind.Object
                && place.Schema.TryGetProperty(keyword, out _))
            {
                return place.Children(keyword);
            }
        }
        return null;
    }

    private static List<JsonElement>? ValuesOf(SchemaPlace place)
    {
        if (place.Schema.ValueKind != JsonValueKind.Object)
        {
            return null;
        }
        if (place.Schema.TryGetProperty("const", out var value))
        {
            return [value];
        }
        return place.Schema.TryGetProperty("enum", out var values)
            && values.ValueKind == JsonValueKind.Array ? [.. values.EnumerateArray()] : null;
    }

    /// <summary>Types that values may have; an integer is a number too.</summary>
    private static SchemaTypes TypesOf(SchemaPlace place, List<JsonElement>? values)
    {
        if (values is not null)
        {
            return values.Aggregate(
                SchemaTypes.None, (types, v) => types | SchemaKeywords.TypesOf(v));
        }
        // Types that keywords only imply do not keep other values out.
        if (place.Schema.ValueKind != JsonValueKind.Object
            || !place.Schema.TryGetProperty("type", out _))
        {
            return SchemaTypes.None;
        }
        var types = SchemaKeywords.TypesOf(place.Schema, place.Pointer);
        return (types & SchemaTypes.Integer) != 0 ? types | SchemaTypes.Number
            : (types & SchemaTypes.Number) != 0 ? types | SchemaTypes.Integer : types;
    }

    private bool AreObjectsDisjoint(SchemaPlace a, SchemaPlace b, int depth)
    {
        var first = ObjectSchema.Read(a, source);
        var second = ObjectSchema.Read(b, source);
        var ofSecond = second.Properties.ToDictionary(p => p.Name, StringComparer.Ordinal);
        return first.Properties.Any(p => ofSecond.TryGetValue(p.Name, out var other)
            && p.IsRequired && other.IsRequired
            && AreDisjoint(p.Place, other.Place, depth + 1));
    }
}
