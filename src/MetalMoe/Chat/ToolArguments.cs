using System.Buffers;
using System.Globalization;
using System.Text.Json;
using MetalMoe.Core.Text;

namespace MetalMoe.Chat;

/// <summary>Collects the arguments of one call and gives them the types of the tool's schema.
/// </summary>
internal sealed class ToolArguments(ChatTool? tool)
{
    private readonly OrderedDictionary<string, JsonElement> _values = new(StringComparer.Ordinal);
    private string? _error;

    /// <summary>Adds an argument that is JSON; text in place of another type is converted.
    /// </summary>
    public void Add(string name, JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.String && !Types(name).Allows(JsonType.Text))
        {
            AddText(name, value.GetString()!);
            return;
        }
        _values[name] = Normalise(value, Types(name));
    }

    /// <summary>Adds an argument that was written as plain text.</summary>
    public void AddText(string name, string text)
    {
        var types = Types(name);
        if (Convert(text, types) is { } value)
        {
            _values[name] = value;
            return;
        }
        if (!types.Allows(JsonType.Text))
        {
            _error ??= $"[tool call] argument {name}: expected {types}, got other text";
        }
        _values[name] = FromText(text);
    }

    /// <summary>The call with all arguments.</summary>
    public ParsedToolCall ToCall(string name, JsonWriterOptions options)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, options))
        {
            writer.WriteStartObject();
            foreach (var (key, value) in _values)
            {
                writer.WritePropertyName(key);
                value.WriteTo(writer);
            }
            writer.WriteEndObject();
        }
        return new ParsedToolCall(name, JsonElement.Parse(buffer.WrittenSpan), _error);
    }

    private SchemaTypeSet Types(string name) =>
        tool is null ? SchemaTypeSet.Unknown : SchemaTypeSet.OfProperty(tool.Parameters, name);

    /// <summary>The text as a value other than text, if the types allow what it reads as.
    /// </summary>
    private static JsonElement? Convert(string text, SchemaTypeSet types)
    {
        string trimmed = text.Trim();
        string json = trimmed switch
        {
            "True" => "true",
            "False" => "false",
            "None" => "null",
            _ => trimmed,
        };
        JsonElement value;
        try
        {
            value = JsonElement.Parse(json);
        }
        catch (JsonException)
        {
            return null;
        }
        // What only looks like a Python word is text when nothing is known of the type.
        bool isGuess = types.IsUnknown && !ReferenceEquals(json, trimmed);
        return value.ValueKind != JsonValueKind.String && !isGuess && types.Allows(value)
            ? Normalise(value, types) : null;
    }

    /// <summary>Writes 5.0 as 5 where the schema wants an integer: readers are strict.</summary>
    private static JsonElement Normalise(JsonElement value, SchemaTypeSet types) =>
        value.ValueKind == JsonValueKind.Number && !types.Allows(JsonType.Number)
            && !value.TryGetInt64(out _) && value.TryGetDecimal(out decimal number)
            && decimal.IsInteger(number)
            ? JsonElement.Parse(number.ToString("F0", CultureInfo.InvariantCulture)) : value;

    private static JsonElement FromText(string text)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStringValue(text);
        }
        return JsonElement.Parse(buffer.WrittenSpan);
    }
}
