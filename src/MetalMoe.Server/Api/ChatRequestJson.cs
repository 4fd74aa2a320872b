using System.Text.Json;
using System.Text.Json.Serialization;

namespace MetalMoe.Server.Api;

/// <summary>What requests of all three interfaces say about choosing tokens. Fields that OpenAI
/// does not have (<c>top_k</c>, <c>min_p</c>, <c>repetition_penalty</c>) are those of other
/// servers.</summary>
internal abstract record SamplingRequestJson
{
    public string? Model { get; init; }

    public bool? Stream { get; init; }

    public StreamOptionsJson? StreamOptions { get; init; }

    public float? Temperature { get; init; }

    public float? TopP { get; init; }

    public int? TopK { get; init; }

    public float? MinP { get; init; }

    public float? PresencePenalty { get; init; }

    public float? FrequencyPenalty { get; init; }

    public float? RepetitionPenalty { get; init; }

    public long? Seed { get; init; }

    public IReadOnlyDictionary<string, float>? LogitBias { get; init; }

    public int? N { get; init; }

    [JsonConverter(typeof(StopConverter))]
    public IReadOnlyList<string>? Stop { get; init; }
}

/// <summary>Body of <c>POST /v1/chat/completions</c>.</summary>
internal sealed record ChatRequestJson : SamplingRequestJson
{
    public IReadOnlyList<MessageJson?>? Messages { get; init; }

    public int? MaxTokens { get; init; }

    public int? MaxCompletionTokens { get; init; }

    public bool? Logprobs { get; init; }

    public int? TopLogprobs { get; init; }

    public IReadOnlyList<ToolJson?>? Tools { get; init; }

    public JsonElement? ToolChoice { get; init; }

    public bool? ParallelToolCalls { get; init; }

    public ResponseFormatJson? ResponseFormat { get; init; }

    public string? ReasoningEffort { get; init; }

    /// <summary>Variables for the model's template, such as <c>enable_thinking</c>.</summary>
    public IReadOnlyDictionary<string, JsonElement>? ChatTemplateKwargs { get; init; }

    public JsonElement? Functions { get; init; }

    public JsonElement? FunctionCall { get; init; }

    public JsonElement? Audio { get; init; }
}

/// <summary>A message of a request.</summary>
internal sealed record MessageJson
{
    public string? Role { get; init; }

    [JsonConverter(typeof(ContentConverter))]
    public string? Content { get; init; }

    public string? Name { get; init; }

    public string? ReasoningContent { get; init; }

    public string? ToolCallId { get; init; }

    public IReadOnlyList<ToolCallJson?>? ToolCalls { get; init; }
}

/// <summary>A call of a tool, in requests and answers.</summary>
internal sealed record ToolCallJson
{
    /// <summary>Its place among the calls; in streamed answers only.</summary>
    public int? Index { get; init; }

    public string? Id { get; init; }

    public string? Type { get; init; }

    public FunctionCallJson? Function { get; init; }
}

/// <summary>Name and arguments (JSON as text) of a call.</summary>
internal sealed record FunctionCallJson(string? Name, string? Arguments);

/// <summary>A tool of a request.</summary>
internal sealed record ToolJson
{
    public string? Type { get; init; }

    public FunctionJson? Function { get; init; }
}

/// <summary>The function of a tool.</summary>
internal sealed record FunctionJson
{
    public string? Name { get; init; }

    public string? Description { get; init; }

    public JsonElement? Parameters { get; init; }

    public bool? Strict { get; init; }
}

/// <summary>The form an answer must have.</summary>
internal sealed record ResponseFormatJson
{
    public string? Type { get; init; }

    public JsonSchemaJson? JsonSchema { get; init; }
}

/// <summary>A named schema.</summary>
internal sealed record JsonSchemaJson
{
    public string? Name { get; init; }

    public JsonElement? Schema { get; init; }
}

/// <summary>What a stream contains.</summary>
internal sealed record StreamOptionsJson
{
    public bool? IncludeUsage { get; init; }
}
