using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace MetalMoe.Server.Api;

/// <summary>Everything that is read and written as JSON.</summary>
[JsonSerializable(typeof(ChatRequestJson))]
[JsonSerializable(typeof(ChatCompletionJson))]
[JsonSerializable(typeof(ChatChunkJson))]
[JsonSerializable(typeof(CompletionRequestJson))]
[JsonSerializable(typeof(CompletionJson))]
[JsonSerializable(typeof(ResponsesRequestJson))]
[JsonSerializable(typeof(IReadOnlyList<InputItemJson?>))]
[JsonSerializable(typeof(ItemKindJson))]
[JsonSerializable(typeof(ResponseJson))]
[JsonSerializable(typeof(ResponseEventJson))]
[JsonSerializable(typeof(TokenizeRequestJson))]
[JsonSerializable(typeof(TokenizeJson))]
[JsonSerializable(typeof(ModelListJson))]
[JsonSerializable(typeof(ModelJson))]
[JsonSerializable(typeof(HealthJson))]
[JsonSerializable(typeof(ErrorJson))]
[JsonSerializable(typeof(string))]
internal sealed partial class ServerJson : JsonSerializerContext
{
    /// <summary>OpenAI's spelling; absent instead of null; text stays readable; a field that is
    /// given twice is an error.</summary>
    public static ServerJson Api { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        AllowDuplicateProperties = false,
        MaxDepth = 64,
        Converters = { new UnicodeElementConverter() },
    });
}
