using System.Text.Json;

namespace MetalMoe.Chat;

/// <summary>What a piece of an assistant's output is.</summary>
public enum ChatOutputKind
{
    /// <summary>Text of the answer.</summary>
    Text,

    /// <summary>Text the model thought before it answered.</summary>
    Reasoning,

    /// <summary>A complete call of a tool.</summary>
    ToolCall,

    /// <summary>Something that began as a call of a tool and is none.</summary>
    MalformedToolCall,
}

/// <summary>A call of a tool, read out of the model's text.</summary>
/// <param name="Name">The tool's name; it need not be one that was offered.</param>
/// <param name="Arguments">A JSON object, its values typed by the tool's schema where the model
/// wrote them as plain text.</param>
/// <param name="Error">One line for people when an argument does not have its type (it is then
/// left as the text that it was); null when all have.</param>
public sealed record ParsedToolCall(string Name, JsonElement Arguments, string? Error = null);

/// <summary>A piece of an assistant's output.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Text">The text; of a call, well-formed or not, what the model wrote, marks
/// included.</param>
/// <param name="ToolCall">Set for <see cref="ChatOutputKind.ToolCall"/>.</param>
/// <param name="Error">Set for <see cref="ChatOutputKind.MalformedToolCall"/>: one line on what
/// is wrong.</param>
public readonly record struct ChatOutputPart(
    ChatOutputKind Kind, string Text, ParsedToolCall? ToolCall = null, string? Error = null);
