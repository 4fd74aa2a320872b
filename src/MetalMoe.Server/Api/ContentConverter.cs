using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace MetalMoe.Server.Api;

/// <summary>
/// A message's content: a text, or an array of parts of which only texts can be read. The names
/// of text parts are those of all interfaces: <c>text</c>, <c>input_text</c>, <c>output_text</c>,
/// <c>refusal</c>.
/// </summary>
internal sealed class ContentConverter : JsonConverter<string>
{
    private const string Expected = "a text or an array of text parts";

    public override string Read(
        ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType == JsonTokenType.String)
        {
            return reader.GetString()!;
        }
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            throw new JsonValueException(Expected);
        }
        var text = new StringBuilder();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            using var part = JsonDocument.ParseValue(ref reader);
            text.Append(TextOf(part.RootElement));
        }
        return text.ToString();
    }

    public override void Write(
        Utf8JsonWriter writer, string value, JsonSerializerOptions options) =>
        writer.WriteStringValue(value);

    private static string TextOf(JsonElement part)
    {
        if (part.ValueKind != JsonValueKind.Object
            || !part.TryGetProperty("type", out var type)
            || type.ValueKind != JsonValueKind.String)
        {
            throw new JsonValueException(Expected);
        }
        string? field = type.GetString() switch
        {
            "text" or "input_text" or "output_text" => "text",
            "refusal" => "refusal",
            _ => throw new JsonValueException("text parts only: this model reads no images, "
                + "sounds or files"),
        };
        return part.TryGetProperty(field, out var text) && text.ValueKind == JsonValueKind.String
            ? text.GetString()! : throw new JsonValueException(Expected);
    }
}
