using System.Text.Json;
using System.Text.Json.Serialization;

namespace MetalMoe.Server.Api;

/// <summary>Body of <c>POST /v1/responses</c>.</summary>
internal sealed record ResponsesRequestJson : SamplingRequestJson
{
    /// <summary>A text, or an array of <see cref="InputItemJson"/>.</summary>
    public JsonElement? Input { get; init; }

    public string? Instructions { get; init; }

    public int? MaxOutputTokens { get; init; }

    public IReadOnlyList<ResponseToolJson?>? Tools { get; init; }

    public JsonElement? ToolChoice { get; init; }

    public bool? ParallelToolCalls { get; init; }

    public TextConfigJson? Text { get; init; }

    public ReasoningJson? Reasoning { get; init; }

    public string? PreviousResponseId { get; init; }

    public JsonElement? Conversation { get; init; }

    public bool? Background { get; init; }
}

/// <summary>An item of the input: a message, a call or its result.</summary>
internal sealed record InputItemJson
{
    public string? Type { get; init; }

    public string? Role { get; init; }

    [JsonConverter(typeof(ContentConverter))]
    public string? Content { get; init; }

    public string? CallId { get; init; }

    public string? Name { get; init; }

    public string? Arguments { get; init; }

    [JsonConverter(typeof(ContentConverter))]
    public string? Output { get; init; }
}

/// <summary>An item that carries thoughts; they are not given to the model again.</summary>
internal sealed record ItemKindJson(string? Type);

/// <summary>A tool of this interface: the function's fields beside its type.</summary>
internal sealed record ResponseToolJson
{
    public string? Type { get; init; }

    public string? Name { get; init; }

    public string? Description { get; init; }

    public JsonElement? Parameters { get; init; }
}

/// <summary>How the answer's text is formed.</summary>
internal sealed record TextConfigJson(TextFormatJson? Format);

/// <summary>The form an answer must have.</summary>
internal sealed record TextFormatJson
{
    public string? Type { get; init; }

    public string? Name { get; init; }

    public JsonElement? Schema { get; init; }
}

/// <summary>Whether the model thinks first.</summary>
internal sealed record ReasoningJson(string? Effort);

/// <summary>A response, whole or as far as it is.</summary>
internal sealed record ResponseJson(
    string Id, string Object, long CreatedAt, string Status, string Model,
    IReadOnlyList<OutputItemJson> Output, bool ParallelToolCalls, string ToolChoice,
    IReadOnlyList<string> Tools, bool Store)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public IncompleteJson? IncompleteDetails { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public ErrorDetailJson? Error { get; init; }

    public ResponseUsageJson? Usage { get; init; }
}

/// <summary>Why a response is not complete.</summary>
internal sealed record IncompleteJson(string Reason);

/// <summary>A message, a call, or thoughts.</summary>
internal sealed record OutputItemJson(string Type, string Id)
{
    public string? Status { get; init; }

    public string? Role { get; init; }

    public IReadOnlyList<OutputContentJson>? Content { get; init; }

    public IReadOnlyList<string>? Summary { get; init; }

    public string? CallId { get; init; }

    public string? Name { get; init; }

    public string? Arguments { get; init; }
}

/// <summary>A text of an item.</summary>
internal sealed record OutputContentJson(string Type, string Text)
{
    public IReadOnlyList<string>? Annotations { get; init; }
}

/// <summary>Tokens in this interface's words.</summary>
internal sealed record ResponseUsageJson(
    int InputTokens, InputTokenDetailsJson InputTokensDetails, int OutputTokens,
    CompletionTokenDetailsJson OutputTokensDetails, int TotalTokens);

/// <summary>Of the input: what was still there from the request before.</summary>
internal sealed record InputTokenDetailsJson(int CachedTokens);

/// <summary>One event of a streamed response.</summary>
internal sealed record ResponseEventJson(string Type, int SequenceNumber)
{
    public ResponseJson? Response { get; init; }

    public int? OutputIndex { get; init; }

    public int? ContentIndex { get; init; }

    public string? ItemId { get; init; }

    public OutputItemJson? Item { get; init; }

    public OutputContentJson? Part { get; init; }

    public string? Delta { get; init; }

    public string? Text { get; init; }

    public string? Arguments { get; init; }

    public IReadOnlyList<string>? Logprobs { get; init; }

    public string? Code { get; init; }

    public string? Message { get; init; }
}
