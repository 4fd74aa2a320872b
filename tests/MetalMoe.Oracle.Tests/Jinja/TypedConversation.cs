using System.Text.Json;
using MetalMoe.Core.Text;

namespace MetalMoe.Oracle.Tests.Jinja;

/// <summary>A conversation of the corpus in the types of the library.</summary>
internal sealed record TypedConversation(ChatMessage[] Messages, ChatTemplateOptions Options)
{
    private static readonly string[] _keys =
        ["role", "content", "reasoning_content", "tool_calls", "tool_call_id", "name"];

    /// <summary>
    /// The conversation of a set of variables; null when it has what only JSON can say: missing
    /// roles and contents, parts instead of a text.
    /// </summary>
    public static TypedConversation? Read(string json)
    {
        var root = JsonDocument.Parse(json).RootElement;
        var messages = root.GetProperty("messages").EnumerateArray().ToArray();
        // With a choice of thinking the library also sets the name that other families use.
        if (!messages.All(IsPlain) || root.TryGetProperty("enable_thinking", out _))
        {
            return null;
        }
        var options = new ChatTemplateOptions
        {
            AddGenerationPrompt = root.GetProperty("add_generation_prompt").GetBoolean(),
            Tools = root.TryGetProperty("tools", out var tools)
                ? [.. tools.EnumerateArray().Select(Tool)]
                : [],
        };
        return new TypedConversation([.. messages.Select(Message)], options);
    }

    private static bool IsPlain(JsonElement message) =>
        message.EnumerateObject().All(property => _keys.Contains(property.Name))
        && message.TryGetProperty("role", out _)
        && message.TryGetProperty("content", out var content)
        && content.ValueKind == JsonValueKind.String;

    private static ChatTool Tool(JsonElement tool)
    {
        var function = tool.GetProperty("function");
        return new ChatTool(
            function.GetProperty("name").GetString()!,
            function.GetProperty("description").GetString(),
            function.GetProperty("parameters"));
    }

    private static ChatMessage Message(JsonElement message) => new(
        message.GetProperty("role").GetString()!, message.GetProperty("content").GetString()!)
    {
        ReasoningContent = Text(message, "reasoning_content"),
        ToolCallId = Text(message, "tool_call_id"),
        Name = Text(message, "name"),
        ToolCalls = message.TryGetProperty("tool_calls", out var calls)
            ? [.. calls.EnumerateArray().Select(Call)]
            : [],
    };

    private static ChatToolCall Call(JsonElement call)
    {
        var function = call.GetProperty("function");
        return new ChatToolCall(
            call.GetProperty("id").GetString()!,
            function.GetProperty("name").GetString()!,
            function.GetProperty("arguments"));
    }

    private static string? Text(JsonElement message, string key) =>
        message.TryGetProperty(key, out var value) ? value.GetString() : null;
}
