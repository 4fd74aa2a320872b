using System.Text.Json;
using System.Text.Json.Serialization;

namespace MetalMoe.Server.Api;

/// <summary><c>stop</c>: a text or several.</summary>
internal sealed class StopConverter : JsonConverter<IReadOnlyList<string>>
{
    private const string Expected = "a text or an array of texts";

    public override IReadOnlyList<string> Read(
        ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType == JsonTokenType.String)
        {
            return [reader.GetString()!];
        }
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            throw new JsonValueException(Expected);
        }
        var texts = new List<string>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            texts.Add(reader.TokenType == JsonTokenType.String
                ? reader.GetString()! : throw new JsonValueException(Expected));
        }
        return texts;
    }

    public override void Write(
        Utf8JsonWriter writer, IReadOnlyList<string> value, JsonSerializerOptions options)
    {
        writer.WriteStartArray();
        foreach (string text in value)
        {
            writer.WriteStringValue(text);
        }
        writer.WriteEndArray();
    }
}
