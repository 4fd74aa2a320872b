using System.Text.Json;
using System.Text.Json.Serialization;

namespace MetalMoe.Server.Api;

/// <summary>Body of <c>POST /v1/completions</c>.</summary>
internal sealed record CompletionRequestJson : SamplingRequestJson
{
    public JsonElement? Prompt { get; init; }

    public int? MaxTokens { get; init; }

    public int? Logprobs { get; init; }

    public int? BestOf { get; init; }

    public bool? Echo { get; init; }

    public string? Suffix { get; init; }
}

/// <summary>Answer of <c>/v1/completions</c>, whole or one event of it.</summary>
internal sealed record CompletionJson(
    string Id, string Object, long Created, string Model, string SystemFingerprint,
    IReadOnlyList<CompletionChoiceJson> Choices, UsageJson? Usage);

/// <summary>The one choice of an answer.</summary>
internal sealed record CompletionChoiceJson(
    int Index, string Text,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    CompletionLogprobsJson? Logprobs,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? FinishReason);

/// <summary>Logarithmic probabilities in the form of this interface: parallel arrays.</summary>
internal sealed record CompletionLogprobsJson(
    IReadOnlyList<string> Tokens, IReadOnlyList<float> TokenLogprobs,
    IReadOnlyList<IReadOnlyDictionary<string, float>> TopLogprobs,
    IReadOnlyList<int> TextOffset);

/// <summary>Body of <c>POST /tokenize</c>.</summary>
internal sealed record TokenizeRequestJson
{
    public string? Content { get; init; }

    /// <summary>Adds the token that begins a sequence, where the model has one.</summary>
    public bool? AddSpecial { get; init; }

    /// <summary>Reads the names of control tokens as these tokens; on unless turned off.
    /// </summary>
    public bool? ParseSpecial { get; init; }
}

/// <summary>Answer of <c>/tokenize</c>.</summary>
internal sealed record TokenizeJson(IReadOnlyList<int> Tokens);

/// <summary>Answer of <c>/health</c>.</summary>
internal sealed record HealthJson(string Status);

/// <summary>Answer of <c>/v1/models</c>.</summary>
internal sealed record ModelListJson(string Object, IReadOnlyList<ModelJson> Data);

/// <summary>A model.</summary>
internal sealed record ModelJson(
    string Id, string Object, long Created, string OwnedBy, int ContextLength);
