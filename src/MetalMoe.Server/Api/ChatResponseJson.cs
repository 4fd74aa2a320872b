using System.Text.Json.Serialization;

namespace MetalMoe.Server.Api;

/// <summary>The whole answer of <c>/v1/chat/completions</c>.</summary>
internal sealed record ChatCompletionJson(
    string Id, string Object, long Created, string Model, string SystemFingerprint,
    IReadOnlyList<ChatChoiceJson> Choices, UsageJson Usage);

/// <summary>The one choice of an answer.</summary>
internal sealed record ChatChoiceJson(
    int Index, AnswerMessageJson Message,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] LogprobsJson? Logprobs,
    string FinishReason);

/// <summary>The message of an answer.</summary>
internal sealed record AnswerMessageJson(
    string Role,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Content,
    string? ReasoningContent,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Refusal,
    IReadOnlyList<ToolCallJson>? ToolCalls);

/// <summary>One event of a streamed answer.</summary>
internal sealed record ChatChunkJson(
    string Id, string Object, long Created, string Model, string SystemFingerprint,
    IReadOnlyList<ChatChunkChoiceJson> Choices, UsageJson? Usage);

/// <summary>What one event adds.</summary>
internal sealed record ChatChunkChoiceJson(
    int Index, DeltaJson Delta,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] LogprobsJson? Logprobs,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? FinishReason);

/// <summary>The new part of a message.</summary>
internal sealed record DeltaJson
{
    public static DeltaJson Nothing { get; } = new();

    public string? Role { get; init; }

    public string? Content { get; init; }

    public string? ReasoningContent { get; init; }

    public IReadOnlyList<ToolCallJson>? ToolCalls { get; init; }
}

/// <summary>Logarithmic probabilities of an answer's tokens.</summary>
internal sealed record LogprobsJson(IReadOnlyList<TokenLogprobJson> Content);

/// <summary>One token, and the likeliest ones in its place.</summary>
internal sealed record TokenLogprobJson(
    string Token, float Logprob, IReadOnlyList<int> Bytes,
    IReadOnlyList<TopLogprobJson> TopLogprobs);

/// <summary>One of the likeliest tokens.</summary>
internal sealed record TopLogprobJson(string Token, float Logprob, IReadOnlyList<int> Bytes);

/// <summary>How many tokens a request took.</summary>
internal sealed record UsageJson(
    int PromptTokens, int CompletionTokens, int TotalTokens,
    PromptTokenDetailsJson PromptTokensDetails,
    CompletionTokenDetailsJson CompletionTokensDetails);

/// <summary>Of the prompt: what was still there from the request before.</summary>
internal sealed record PromptTokenDetailsJson(int CachedTokens);

/// <summary>Of the answer: what was thought.</summary>
internal sealed record CompletionTokenDetailsJson(int ReasoningTokens);
