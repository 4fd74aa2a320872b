using System.Text.Json;

namespace MetalMoe.Chat;

/// <summary>Types of JSON values.</summary>
[Flags]
internal enum JsonType
{
    None = 0,
    Null = 1,
    Boolean = 2,
    Integer = 4,
    Number = 8,
    Text = 16,
    Array = 32,
    Object = 64,
    All = 127,
}

/// <summary>The types that a schema allows, as far as it says so in a plain way.</summary>
internal readonly record struct SchemaTypeSet(JsonType Types)
{
    // Schemas refer to each other; a reference to itself says nothing about its type.
    private const int MaxDepth = 16;

    /// <summary>Nothing is known: every type is allowed.</summary>
    public static SchemaTypeSet Unknown { get; } = new(JsonType.All);

    public bool IsUnknown => Types == JsonType.All;

    /// <summary>The types of a property of an object's schema.</summary>
    public static SchemaTypeSet OfProperty(JsonElement schema, string name)
    {
        if (schema.ValueKind == JsonValueKind.Object
            && schema.TryGetProperty("properties", out var properties)
            && properties.ValueKind == JsonValueKind.Object
            && properties.TryGetProperty(name, out var property))
        {
            var types = Of(property, schema, 0);
            return new SchemaTypeSet(types == JsonType.None ? JsonType.All : types);
        }
        return Unknown;
    }

    public bool Allows(JsonType type) => (Types & type) != 0;

    public bool Allows(JsonElement value) => Allows(TypesOf(value));

    public override string ToString()
    {
        var types = Types;
        return string.Join(" or ", Enum.GetValues<JsonType>()
            .Where(t => t is not (JsonType.None or JsonType.All) && (types & t) != 0)
            .Select(t => t == JsonType.Text ? "string" : t.ToString().ToLowerInvariant()));
    }

    private static JsonType Of(JsonElement schema, JsonElement root, int depth)
    {
        if (schema.ValueKind != JsonValueKind.Object || depth > MaxDepth)
        {
            return JsonType.All;
        }
        var types = JsonType.All;
        if (schema.TryGetProperty("type", out var type))
        {
            types &= type.ValueKind == JsonValueKind.Array
                ? type.EnumerateArray().Aggregate(JsonType.None, (all, t) => all | Named(t))
                : Named(type);
        }
        if (schema.TryGetProperty("const", out var only))
        {
            types &= TypesOf(only);
        }
        if (schema.TryGetProperty("enum", out var values)
            && values.ValueKind == JsonValueKind.Array)
        {
            types &= values.EnumerateArray()
                .Aggregate(JsonType.None, (all, value) => all | TypesOf(value));
        }
        foreach (string key in (ReadOnlySpan<string>)["anyOf", "oneOf"])
        {
            if (schema.TryGetProperty(key, out var branches)
                && branches.ValueKind == JsonValueKind.Array)
            {
                types &= branches.EnumerateArray().Aggregate(
                    JsonType.None, (all, branch) => all | Of(branch, root, depth + 1));
            }
        }
        if (schema.TryGetProperty("$ref", out var reference)
            && Resolve(reference, root) is { } target)
        {
            types &= Of(target, root, depth + 1);
        }
        bool isNullable = schema.TryGetProperty("nullable", out var nullable)
            && nullable.ValueKind == JsonValueKind.True;
        return isNullable ? types | JsonType.Null : types;
    }

    private static JsonElement? Resolve(JsonElement reference, JsonElement root)
    {
        if (reference.ValueKind != JsonValueKind.String
            || reference.GetString() is not { } pointer
            || !pointer.StartsWith("#/", StringComparison.Ordinal))
        {
            return null;
        }
        var found = root;
        foreach (string step in pointer[2..].Split('/'))
        {
            string key = step.Replace("~1", "/", StringComparison.Ordinal)
                .Replace("~0", "~", StringComparison.Ordinal);
            if (found.ValueKind != JsonValueKind.Object || !found.TryGetProperty(key, out found))
            {
                return null;
            }
        }
        return found;
    }

    private static JsonType Named(JsonElement type) =>
        (type.ValueKind == JsonValueKind.String ? type.GetString() : null) switch
        {
            "null" => JsonType.Null,
            "boolean" => JsonType.Boolean,
            "integer" => JsonType.Integer,
            "number" => JsonType.Number | JsonType.Integer,
            "string" => JsonType.Text,
            "array" => JsonType.Array,
            "object" => JsonType.Object,
            _ => JsonType.All,
        };

    private static JsonType TypesOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null => JsonType.Null,
        JsonValueKind.True or JsonValueKind.False => JsonType.Boolean,
        JsonValueKind.String => JsonType.Text,
        JsonValueKind.Array => JsonType.Array,
        JsonValueKind.Object => JsonType.Object,
        _ when value.TryGetDecimal(out decimal number) && decimal.IsInteger(number)
            => JsonType.Integer,
        _ => JsonType.Number,
    };
}
