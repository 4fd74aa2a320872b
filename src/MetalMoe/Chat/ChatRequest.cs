using MetalMoe.Core.Text;

namespace MetalMoe.Chat;

/// <summary>A chat request in the words of this library.</summary>
internal sealed record ChatRequest
{
    public required IReadOnlyList<ChatMessage> Messages { get; init; }

    public required ChatTemplateOptions Template { get; init; }

    public required GenerationOptions Generation { get; init; }

    /// <summary>The answer has to be a text of the generation's grammar, which begins behind the
    /// thoughts.</summary>
    public bool HasGrammar => Generation.Grammar is not null;

    /// <summary>The answer may hold more than one tool call.</summary>
    public required bool AllowsSeveralCalls { get; init; }

    /// <summary>Thoughts are part of the response.</summary>
    public required bool ShowsReasoning { get; init; }

    /// <summary>Options of the request that have no effect here.</summary>
    public required IReadOnlyList<string> IgnoredOptions { get; init; }
}
