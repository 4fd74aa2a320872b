using System.Text.Json;

namespace MetalMoe.Core.Text.Grammar;

/// <summary>Types of JSON values; a number may be an integer.</summary>
[Flags]
internal enum SchemaTypes
{
    None = 0,
    Null = 1,
    Boolean = 2,
    Integer = 4,
    Number = 8,
    String = 16,
    Array = 32,
    Object = 64,
}

/// <summary>Which keywords there are, and which types they belong to.</summary>
internal static class SchemaKeywords
{
    private static readonly HashSet<string> _annotations = new(StringComparer.Ordinal)
    {
        "title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly",
        "$comment", "$schema", "$id", "$defs", "definitions",
    };

    private static readonly Dictionary<string, SchemaTypes> _typed = new(StringComparer.Ordinal)
    {
        ["properties"] = SchemaTypes.Object,
        ["required"] = SchemaTypes.Object,
        ["additionalProperties"] = SchemaTypes.Object,
        ["items"] = SchemaTypes.Array,
        ["prefixItems"] = SchemaTypes.Array,
        ["minItems"] = SchemaTypes.Array,
        ["maxItems"] = SchemaTypes.Array,
        ["minLength"] = SchemaTypes.String,
        ["maxLength"] = SchemaTypes.String,
        ["pattern"] = SchemaTypes.String,
        ["format"] = SchemaTypes.String,
        ["minimum"] = SchemaTypes.Number | SchemaTypes.Integer,
        ["maximum"] = SchemaTypes.Number | SchemaTypes.Integer,
        ["exclusiveMinimum"] = SchemaTypes.Number | SchemaTypes.Integer,
        ["exclusiveMaximum"] = SchemaTypes.Number | SchemaTypes.Integer,
    };

    private static readonly string[] _general =
        ["type", "nullable", "enum", "const", "anyOf", "oneOf", "allOf", "$ref"];

    /// <summary>Refuses keywords that are unknown, twice there, or do not belong to the types.
    /// </summary>
    public static void Check(JsonElement schema, string pointer)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var keyword in schema.EnumerateObject())
        {
            if (!seen.Add(keyword.Name))
            {
                throw Refuse(pointer, keyword.Name, "is there twice");
            }
            if (!_annotations.Contains(keyword.Name) && !_typed.ContainsKey(keyword.Name)
                && !_general.Contains(keyword.Name, StringComparer.Ordinal))
            {
                throw Refuse(pointer, keyword.Name, "is not supported");
            }
        }
    }

    /// <summary>Refuses what stands beside a keyword that describes the value alone.</summary>
    public static void CheckAlone(
        JsonElement schema, string pointer, string keyword, params string[] allowed)
    {
        foreach (var other in schema.EnumerateObject())
        {
            if (other.Name != keyword && !_annotations.Contains(other.Name)
                && !allowed.Contains(other.Name, StringComparer.Ordinal))
            {
                throw Refuse(pointer, other.Name, $"is not supported beside '{keyword}'");
            }
        }
    }

    /// <summary>The types of a schema without alternatives: as it says, or as its keywords imply;
    /// none if it says nothing.</summary>
    public static SchemaTypes TypesOf(JsonElement schema, string pointer)
    {
        var types = schema.TryGetProperty("type", out var type)
            ? ParseTypes(type, pointer) : SchemaTypes.None;
        bool isTyped = types != SchemaTypes.None;
        foreach (var keyword in schema.EnumerateObject())
        {
            if (!_typed.TryGetValue(keyword.Name, out var owner))
            {
                continue;
            }
            var implied = owner == SchemaTypes.Object || owner == SchemaTypes.Array
                || owner == SchemaTypes.String ? owner : SchemaTypes.Number;
            if (isTyped ? (types & owner) == 0 : types != SchemaTypes.None && types != implied)
            {
                throw Refuse(pointer, keyword.Name, "does not belong to the type");
            }
            types |= isTyped ? SchemaTypes.None : implied;
        }
        if (IsTrue(schema, "nullable", pointer))
        {
            if (!isTyped)
            {
                throw Refuse(pointer, "nullable", "needs 'type' beside it");
            }
            types |= SchemaTypes.Null;
        }
        return types;
    }

    public static SchemaTypes TypesOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null => SchemaTypes.Null,
        JsonValueKind.True or JsonValueKind.False => SchemaTypes.Boolean,
        JsonValueKind.String => SchemaTypes.String,
        JsonValueKind.Array => SchemaTypes.Array,
        JsonValueKind.Object => SchemaTypes.Object,
        _ when value.TryGetDecimal(out decimal d) && decimal.IsInteger(d)
            => SchemaTypes.Integer | SchemaTypes.Number,
        _ => SchemaTypes.Number,
    };

    public static bool IsTrue(JsonElement schema, string keyword, string pointer) =>
        schema.TryGetProperty(keyword, out var value) && value.ValueKind switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            _ => throw Refuse(pointer, keyword, "must be true or false"),
        };

    /// <summary>A count of elements or characters, if there is one.</summary>
    public static int? Count(JsonElement schema, string keyword, string pointer)
    {
        if (!schema.TryGetProperty(keyword, out var value))
        {
            return null;
        }
        return value.ValueKind == JsonValueKind.Number && value.TryGetDecimal(out decimal number)
            && decimal.IsInteger(number) && number is >= 0 and <= TextGrammar.MaxRepetition
            ? (int)number
            : throw Refuse(pointer, keyword,
                $"must be an integer from 0 to {TextGrammar.MaxRepetition}");
    }

    public static GrammarException Refuse(string pointer, string keyword, string why) =>
        GrammarException.InSchema(pointer, $"keyword '{keyword}': {why}");

    private static SchemaTypes ParseTypes(JsonElement type, string pointer)
    {
        if (type.ValueKind != JsonValueKind.Array)
        {
            return ParseType(type, pointer);
        }
        var types = SchemaTypes.None;
        foreach (var one in type.EnumerateArray())
        {
            types |= ParseType(one, pointer);
        }
        return types != SchemaTypes.None
            ? types : throw Refuse(pointer, "type", "must name a type");
    }

    private static SchemaTypes ParseType(JsonElement type, string pointer) =>
        (type.ValueKind == JsonValueKind.String ? type.GetString() : null) switch
        {
            "null" => SchemaTypes.Null,
            "boolean" => SchemaTypes.Boolean,
            "integer" => SchemaTypes.Integer,
            "number" => SchemaTypes.Number,
            "string" => SchemaTypes.String,
            "array" => SchemaTypes.Array,
            "object" => SchemaTypes.Object,
            _ => throw Refuse(pointer, "type", "must be a type of JSON Schema or several"),
        };
}
