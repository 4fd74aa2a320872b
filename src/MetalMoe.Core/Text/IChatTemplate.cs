using System.Text.Json;

namespace MetalMoe.Core.Text;

/// <summary>A message of a conversation.</summary>
/// <param name="Role"><c>system</c>, <c>user</c>, <c>assistant</c> or <c>tool</c>.</param>
/// <param name="Content">The text.</param>
public sealed record ChatMessage(string Role, string Content)
{
    /// <summary>What the assistant thought before it answered, when that is known apart.
    /// </summary>
    public string? ReasoningContent { get; init; }

    /// <summary>The tools that the assistant calls in this message, in order.</summary>
    public IReadOnlyList<ChatToolCall> ToolCalls { get; init; } = [];

    /// <summary>In a tool's message: which call this is the result of.</summary>
    public string? ToolCallId { get; init; }

    /// <summary>In a tool's message the tool's name, otherwise the speaker's if it has one.
    /// </summary>
    public string? Name { get; init; }
}

/// <summary>A call of a tool by the assistant.</summary>
/// <param name="Id">Ties the call to its result.</param>
/// <param name="Name">The tool's name.</param>
/// <param name="Arguments">An object, or a string where what the model wrote is not JSON.</param>
public sealed record ChatToolCall(string Id, string Name, JsonElement Arguments);

/// <summary>A tool that the model may call.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Description">What it does, for the model to read.</param>
/// <param name="Parameters">JSON schema of its arguments; the order of its keys is kept.</param>
public sealed record ChatTool(string Name, string? Description, JsonElement Parameters);

/// <summary>What a prompt is made for.</summary>
public sealed record ChatTemplateOptions
{
    /// <summary>Ends the prompt where the assistant begins to speak.</summary>
    public bool AddGenerationPrompt { get; init; } = true;

    /// <summary>Lets the model think first, or keeps it from that; null leaves the choice to
    /// the template.</summary>
    public bool? EnableThinking { get; init; }

    /// <summary>The tools the model may call.</summary>
    public IReadOnlyList<ChatTool> Tools { get; init; } = [];

    /// <summary>More variables for templates that read them, such as <c>reasoning_effort</c>;
    /// they cannot replace what the other options and the messages say.</summary>
    public IReadOnlyDictionary<string, JsonElement> Variables { get; init; } =
        new Dictionary<string, JsonElement>();
}

/// <summary>Turns a conversation into the text a model was trained to continue.</summary>
public interface IChatTemplate
{
    /// <summary>Renders the prompt; encode it with <c>parseSpecial</c> on.</summary>
    /// <exception cref="MetalMoeException">The template refuses the conversation.</exception>
    string Render(IReadOnlyList<ChatMessage> messages, ChatTemplateOptions options);
}
