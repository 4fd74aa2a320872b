using System.Text.Json;
using MetalMoe.Core.Text;
using MetalMoe.Server.Api;

namespace MetalMoe.Server.Endpoints;

/// <summary>A conversation and how to answer it, whichever interface it came through. Names of
/// fields in messages of errors are those of chat completions where the two differ only by their
/// place.</summary>
internal sealed record ChatQuestion
{
    public required IReadOnlyList<ChatMessage> Messages { get; init; }

    /// <summary>Temperature and the like.</summary>
    public required SamplingRequestJson Sampling { get; init; }

    public IReadOnlyList<ChatTool> Tools { get; init; } = [];

    public ToolChoice ToolChoice { get; init; } = ToolChoice.Auto;

    public bool ParallelToolCalls { get; init; } = true;

    /// <summary>Schema of the answer; null for free text.</summary>
    public JsonElement? Schema { get; init; }

    public int? MaxTokens { get; init; }

    public int? TopLogprobs { get; init; }

    public string? ReasoningEffort { get; init; }

    public IReadOnlyDictionary<string, JsonElement> TemplateVariables { get; init; } =
        new Dictionary<string, JsonElement>();
}
