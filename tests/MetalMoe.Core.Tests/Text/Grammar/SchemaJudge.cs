using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace MetalMoe.Core.Tests.Text.Grammar;

/// <summary>A plain validator of JSON against the schemas of <see cref="RandomSchema"/>, written
/// from the specification and knowing nothing of grammars.</summary>
internal sealed class SchemaJudge(JsonElement root)
{
    public bool IsValid(JsonElement value) => IsValid(root, value);

    private bool IsValid(JsonElement schema, JsonElement value) =>
        schema.EnumerateObject().All(keyword => keyword.Name switch
        {
            "$ref" => IsValid(Resolve(keyword.Value.GetString()!), value),
            "type" => IsOfType(keyword.Value, value),
            "const" => JsonElement.DeepEquals(keyword.Value, value),
            "enum" => keyword.Value.EnumerateArray().Any(v => JsonElement.DeepEquals(v, value)),
            "anyOf" => keyword.Value.EnumerateArray().Any(s => IsValid(s, value)),
            "oneOf" => keyword.Value.EnumerateArray().Count(s => IsValid(s, value)) == 1,
            "allOf" => keyword.Value.EnumerateArray().All(s => IsValid(s, value)),
            _ => value.ValueKind switch
            {
                JsonValueKind.Number => IsNumber(keyword, value.GetDouble()),
                JsonValueKind.String => IsString(keyword, value.GetString()!),
                JsonValueKind.Array => IsArray(schema, keyword, value),
                JsonValueKind.Object => IsObject(schema, keyword, value),
                _ => true,
            },
        });

    private JsonElement Resolve(string pointer) => pointer.Split('/').Skip(1)
        .Aggregate(root, (element, name) => element.GetProperty(name));

    private static bool IsOfType(JsonElement type, JsonElement value)
    {
        if (type.ValueKind == JsonValueKind.Array)
        {
            return type.EnumerateArray().Any(t => IsOfType(t, value));
        }
        return type.GetString() switch
        {
            "null" => value.ValueKind == JsonValueKind.Null,
            "boolean" => value.ValueKind is JsonValueKind.True or JsonValueKind.False,
            "integer" => value.ValueKind == JsonValueKind.Number
                && double.IsInteger(value.GetDouble()),
            "number" => value.ValueKind == JsonValueKind.Number
                && double.IsFinite(value.GetDouble()),
            "string" => value.ValueKind == JsonValueKind.String,
            "array" => value.ValueKind == JsonValueKind.Array,
            _ => value.ValueKind == JsonValueKind.Object,
        };
    }

    private static bool IsNumber(JsonProperty keyword, double value) => keyword.Name switch
    {
        "minimum" => value >= keyword.Value.GetDouble(),
        "maximum" => value <= keyword.Value.GetDouble(),
        "exclusiveMinimum" => value > keyword.Value.GetDouble(),
        "exclusiveMaximum" => value < keyword.Value.GetDouble(),
        _ => true,
    };

    private static bool IsString(JsonProperty keyword, string value) => keyword.Name switch
    {
        "minLength" => value.EnumerateRunes().Count() >= keyword.Value.GetInt32(),
        "maxLength" => value.EnumerateRunes().Count() <= keyword.Value.GetInt32(),
        // ECMA's $ does not match before a final line break, and its \w and \d are ASCII.
        "pattern" => Regex.IsMatch(value, keyword.Value.GetString()!
            .Replace("$", "\\z", StringComparison.Ordinal)
            .Replace("\\w", "[A-Za-z0-9_]", StringComparison.Ordinal)
            .Replace("\\d", "[0-9]", StringComparison.Ordinal)),
        "format" => IsOfFormat(keyword.Value.GetString()!, value),
        _ => true,
    };

    private static bool IsOfFormat(string format, string value)
    {
        var culture = CultureInfo.InvariantCulture;
        return format switch
        {
            // .NET has no year 0.
            "date" => value.StartsWith("0000-", StringComparison.Ordinal)
                || DateOnly.TryParseExact(value, "yyyy-MM-dd", culture, DateTimeStyles.None, out _),
            "time" => IsTime(value),
            "date-time" => value[10] == 'T' && IsOfFormat("date", value[..10])
                && IsTime(value[11..]),
            _ => Guid.TryParseExact(value, "D", out _),
        };
    }

    private static bool IsTime(string value) =>
        TimeOnly.TryParseExact(value[..8], "HH:mm:ss", CultureInfo.InvariantCulture,
            DateTimeStyles.None, out _)
        && Regex.IsMatch(value[8..], @"^(\.[0-9]+)?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])\z");

    private bool IsArray(JsonElement schema, JsonProperty keyword, JsonElement value)
    {
        int fixedCount = schema.TryGetProperty("prefixItems", out var prefix)
            ? prefix.GetArrayLength() : 0;
        return keyword.Name switch
        {
            "minItems" => value.GetArrayLength() >= keyword.Value.GetInt32(),
            "maxItems" => value.GetArrayLength() <= keyword.Value.GetInt32(),
            "items" => value.EnumerateArray().Skip(fixedCount)
                .All(v => IsValid(keyword.Value, v)),
            "prefixItems" => value.EnumerateArray().Zip(keyword.Value.EnumerateArray())
                .All(pair => IsValid(pair.Second, pair.First)),
            _ => true,
        };
    }

    private bool IsObject(JsonElement schema, JsonProperty keyword, JsonElement value) =>
        keyword.Name switch
        {
            "properties" => value.EnumerateObject().All(p =>
                !keyword.Value.TryGetProperty(p.Name, out var own) || IsValid(own, p.Value)),
            "required" => keyword.Value.EnumerateArray()
                .All(name => value.TryGetProperty(name.GetString()!, out _)),
            "additionalProperties" => value.EnumerateObject().All(p =>
                schema.GetProperty("properties").TryGetProperty(p.Name, out _)
                || (keyword.Value.ValueKind != JsonValueKind.False
                    && IsValid(keyword.Value, p.Value))),
            _ => true,
        };
}
