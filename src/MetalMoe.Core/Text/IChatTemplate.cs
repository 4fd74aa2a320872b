namespace MetalMoe.Core.Text;

/// <summary>A message of a conversation.</summary>
/// <param name="Role"><c>system</c>, <c>user</c>, <c>assistant</c> or <c>tool</c>.</param>
/// <param name="Content">The text.</param>
public sealed record ChatMessage(string Role, string Content)
{
    /// <summary>What the assistant thought before it answered, when that is known apart.
    /// </summary>
    public string? ReasoningContent { get; init; }
}

/// <summary>What a prompt is made for.</summary>
public sealed record ChatTemplateOptions
{
    /// <summary>Ends the prompt where the assistant begins to speak.</summary>
    public bool AddGenerationPrompt { get; init; } = true;

    /// <summary>Lets the model think first, or keeps it from that; null leaves the choice to
    /// the template.</summary>
    public bool? EnableThinking { get; init; }
}

/// <summary>Turns a conversation into the text a model was trained to continue.</summary>
public interface IChatTemplate
{
    /// <summary>Renders the prompt; encode it with <c>parseSpecial</c> on.</summary>
    /// <exception cref="MetalMoeException">The template refuses the conversation.</exception>
    string Render(IReadOnlyList<ChatMessage> messages, ChatTemplateOptions options);
}
