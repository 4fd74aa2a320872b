using System.Text.Json;

namespace MetalMoe.Core.Text.Grammar;

/// <summary>One property of an object.</summary>
internal readonly record struct ObjectProperty(string Name, SchemaPlace Place, bool IsRequired);

/// <summary>An object schema with the members of its <c>allOf</c> merged into it.</summary>
internal sealed class ObjectSchema
{
    private const int MaxNesting = 50;
    private const int MaxProperties = 2_000;

    private readonly SchemaSource _source;
    private readonly List<(string Name, SchemaPlace Place)> _properties = [];
    private readonly HashSet<string> _required = new(StringComparer.Ordinal);
    private readonly List<(HashSet<string> Own, SchemaPlace Place)> _additional = [];
    private bool _isConstrained;

    private ObjectSchema(SchemaSource source) => _source = source;

    /// <summary>Any object will do.</summary>
    public bool IsAny { get; private set; }

    /// <summary>In the order of the schema.</summary>
    public IReadOnlyList<ObjectProperty> Properties { get; private set; } = [];

    /// <summary>Schema of further properties; null if there are none.</summary>
    public SchemaPlace? Additional { get; private set; }

    public static ObjectSchema Read(SchemaPlace place, SchemaSource source)
    {
        var merged = new ObjectSchema(source);
        merged.Add(place, 0);
        merged.Finish(place.Pointer);
        return merged;
    }

    private void Add(SchemaPlace place, int nesting)
    {
        place = _source.Follow(place);
        var (schema, pointer) = place;
        if (schema.ValueKind != JsonValueKind.Object || nesting > MaxNesting)
        {
            throw SchemaKeywords.Refuse(
                pointer, "allOf", "must hold object schemas, and not itself");
        }
        SchemaKeywords.Check(schema, pointer);
        bool hasAllOf = schema.TryGetProperty("allOf", out _);
        if (nesting > 0 || hasAllOf)
        {
            SchemaKeywords.CheckAlone(schema, pointer, "allOf",
                "type", "properties", "required", "additionalProperties");
            var types = SchemaKeywords.TypesOf(schema, pointer);
            if (types != SchemaTypes.Object && !(hasAllOf && types == SchemaTypes.None))
            {
                throw SchemaKeywords.Refuse(pointer, "allOf", "supports only object schemas");
            }
        }
        var own = AddProperties(place);
        AddRequired(place);
        if (schema.TryGetProperty("additionalProperties", out _))
        {
            _additional.Add((own, place.Child("additionalProperties")));
        }
        if (hasAllOf)
        {
            foreach (var member in place.Children("allOf"))
            {
                Add(member, nesting + 1);
            }
        }
    }

    private HashSet<string> AddProperties(SchemaPlace place)
    {
        var own = new HashSet<string>(StringComparer.Ordinal);
        if (!place.Schema.TryGetProperty("properties", out var properties))
        {
            return own;
        }
        _isConstrained = true;
        if (properties.ValueKind != JsonValueKind.Object)
        {
            throw SchemaKeywords.Refuse(place.Pointer, "properties", "must be an object");
        }
        foreach (var property in properties.EnumerateObject())
        {
            if (!own.Add(property.Name))
            {
                throw SchemaKeywords.Refuse(
                    place.Pointer, "properties", $"name '{property.Name}' twice");
            }
            int known = _properties.FindIndex(p => p.Name == property.Name);
            if (known >= 0 && !JsonElement.DeepEquals(
                _properties[known].Place.Schema, property.Value))
            {
                throw SchemaKeywords.Refuse(place.Pointer, "allOf",
                    $"has two schemas for the property '{property.Name}'");
            }
            if (known < 0)
            {
                _properties.Add((property.Name,
                    place.Child("properties", property.Name, property.Value)));
            }
            if (_properties.Count > MaxProperties)
            {
                throw SchemaKeywords.Refuse(
                    place.Pointer, "properties", $"must be at most {MaxProperties}");
            }
        }
        return own;
    }

    private void AddRequired(SchemaPlace place)
    {
        if (!place.Schema.TryGetProperty("required", out var required))
        {
            return;
        }
        if (required.ValueKind != JsonValueKind.Array
            || required.EnumerateArray().Any(r => r.ValueKind != JsonValueKind.String))
        {
            throw SchemaKeywords.Refuse(place.Pointer, "required", "must be an array of strings");
        }
        foreach (var name in required.EnumerateArray())
        {
            _isConstrained = true;
            _required.Add(name.GetString()!);
        }
    }

    private void Finish(string pointer)
    {
        foreach (var (own, place) in _additional)
        {
            bool isFree = place.Schema.ValueKind == JsonValueKind.True;
            string? foreign = isFree ? null
                : _properties.Select(p => p.Name).FirstOrDefault(n => !own.Contains(n));
            if (foreign is not null)
            {
                throw SchemaKeywords.Refuse(place.Pointer, "additionalProperties",
                    $"would rule over the property '{foreign}' of another member of 'allOf'");
            }
            if (place.Schema.ValueKind != JsonValueKind.False)
            {
                Additional = isFree && Additional is not null ? Additional : place;
            }
        }
        int restricting = _additional.Count(a => a.Place.Schema.ValueKind != JsonValueKind.True);
        if (_additional.Exists(a => a.Place.Schema.ValueKind == JsonValueKind.False))
        {
            Additional = null;
        }
        else if (restricting > 1)
        {
            throw SchemaKeywords.Refuse(
                pointer, "additionalProperties", "is there twice under 'allOf'");
        }
        if (_required.FirstOrDefault(r => !_properties.Exists(p => p.Name == r)) is { } missing)
        {
            throw SchemaKeywords.Refuse(
                pointer, "required", $"names '{missing}', which 'properties' does not list");
        }
        IsAny = !_isConstrained && _additional.TrueForAll(
            a => a.Place.Schema.ValueKind == JsonValueKind.True);
        Properties = [.. _properties.Select(
            p => new ObjectProperty(p.Name, p.Place, _required.Contains(p.Name)))];
    }
}
