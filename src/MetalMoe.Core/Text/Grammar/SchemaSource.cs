using System.Globalization;
using System.Text.Json;

namespace MetalMoe.Core.Text.Grammar;

/// <summary>A schema and where it stands.</summary>
internal readonly record struct SchemaPlace(JsonElement Schema, string Pointer)
{
    public SchemaPlace Child(string keyword) =>
        new(Schema.GetProperty(keyword), $"{Pointer}/{keyword}");

    public SchemaPlace Child(string keyword, string name, JsonElement schema) => new(
        schema, $"{Pointer}/{keyword}/"
            + name.Replace("~", "~0", StringComparison.Ordinal)
                .Replace("/", "~1", StringComparison.Ordinal));

    /// <summary>The schemas of a keyword that holds an array of them.</summary>
    public SchemaPlace[] Children(string keyword)
    {
        var array = Schema.GetProperty(keyword);
        if (array.ValueKind != JsonValueKind.Array || array.GetArrayLength() == 0)
        {
            throw SchemaKeywords.Refuse(Pointer, keyword, "must be an array of schemas");
        }
        var children = new SchemaPlace[array.GetArrayLength()];
        for (int i = 0; i < children.Length; i++)
        {
            children[i] = new SchemaPlace(array[i], string.Create(
                CultureInfo.InvariantCulture, $"{Pointer}/{keyword}/{i}"));
        }
        return children;
    }
}

/// <summary>Follows references within one document.</summary>
internal sealed class SchemaSource(JsonElement root)
{
    private const int MaxHops = 100;

    /// <summary>The place a <c>$ref</c> names.</summary>
    public SchemaPlace Resolve(SchemaPlace place)
    {
        var reference = place.Schema.GetProperty("$ref");
        string text = reference.ValueKind == JsonValueKind.String ? reference.GetString()! : "";
        if (text != "#" && !text.StartsWith("#/", StringComparison.Ordinal))
        {
            throw SchemaKeywords.Refuse(place.Pointer, "$ref",
                "must be a JSON pointer of this document, such as '#/$defs/name'");
        }
        var target = root;
        foreach (string step in text.Split('/').Skip(1))
        {
            string name = Uri.UnescapeDataString(step)
                .Replace("~1", "/", StringComparison.Ordinal)
                .Replace("~0", "~", StringComparison.Ordinal);
            bool isFound = target.ValueKind switch
            {
                JsonValueKind.Object => target.TryGetProperty(name, out target),
                JsonValueKind.Array => TryIndex(ref target, name),
                _ => false,
            };
            if (!isFound)
            {
                throw SchemaKeywords.Refuse(
                    place.Pointer, "$ref", $"names {text}, which is not there");
            }
        }
        return new SchemaPlace(target, text);
    }

    /// <summary>The place behind references.</summary>
    public SchemaPlace Follow(SchemaPlace place)
    {
        for (int i = 0; i < MaxHops; i++)
        {
            if (place.Schema.ValueKind != JsonValueKind.Object
                || !place.Schema.TryGetProperty("$ref", out _))
            {
                return place;
            }
            SchemaKeywords.Check(place.Schema, place.Pointer);
            SchemaKeywords.CheckAlone(place.Schema, place.Pointer, "$ref");
            place = Resolve(place);
        }
        throw SchemaKeywords.Refuse(place.Pointer, "$ref", "refers to itself");
    }

    private static bool TryIndex(ref JsonElement array, string name)
    {
        if (int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int index)
            && index < array.GetArrayLength())
        {
            array = array[index];
            return true;
        }
        return false;
    }
}
