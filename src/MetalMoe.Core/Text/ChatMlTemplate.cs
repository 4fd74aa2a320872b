using System.Text;

namespace MetalMoe.Core.Text;

/// <summary>
/// The ChatML format with the conventions of Qwen3.5: thinking is on unless turned off, and
/// thoughts of answers before the last question are left out of the prompt.
/// </summary>
public sealed class ChatMlTemplate : IChatTemplate
{
    private const string ThinkOpen = "<think>";
    private const string ThinkClose = "</think>";

    /// <summary>The one instance; it has no state.</summary>
    public static ChatMlTemplate Instance { get; } = new();

    /// <inheritdoc/>
    public string Render(IReadOnlyList<ChatMessage> messages, ChatTemplateOptions options)
    {
        ArgumentNullException.ThrowIfNull(messages);
        ArgumentNullException.ThrowIfNull(options);
        if (options.Tools.Count > 0 || messages.Any(message => message.ToolCalls.Count > 0))
        {
            throw new ChatTemplateException("[chat] tools: expected none, got some (ChatML has no "
                + "form for them, the model's own template has)");
        }
        var prompt = new StringBuilder();
        int lastQuestion = LastIndexOf(messages, "user");
        for (int i = 0; i < messages.Count; i++)
        {
            switch (messages[i].Role)
            {
                case "system" when i > 0:
                    throw Refused("messages", "a system message only at the beginning", i);
                case "system" or "user":
                    Open(prompt, messages[i].Role).Append(messages[i].Content.Trim());
                    break;
                case "assistant":
                    RenderAnswer(prompt, messages[i], i > lastQuestion);
                    break;
                case "tool":
                    RenderToolResult(prompt, messages, i);
                    continue;
                default:
                    throw Refused("role", "system, user, assistant or tool", i);
            }
            Close(prompt);
        }
        if (options.AddGenerationPrompt)
        {
            Open(prompt, "assistant").Append(options.EnableThinking == false
                ? $"{ThinkOpen}\n\n{ThinkClose}\n\n"
                : $"{ThinkOpen}\n");
        }
        return prompt.ToString();
    }

    private static void RenderAnswer(StringBuilder prompt, ChatMessage message, bool withThoughts)
    {
        string content = message.Content.Trim();
        string thoughts = message.ReasoningContent ?? "";
        int close = content.LastIndexOf(ThinkClose, StringComparison.Ordinal);
        if (message.ReasoningContent is null && close >= 0)
        {
            string before = content[..content.IndexOf(ThinkClose, StringComparison.Ordinal)];
            int open = before.LastIndexOf(ThinkOpen, StringComparison.Ordinal);
            thoughts = open < 0 ? before : before[(open + ThinkOpen.Length)..];
            content = content[(close + ThinkClose.Length)..].TrimStart('\n');
        }
        Open(prompt, message.Role);
        if (withThoughts)
        {
            prompt.Append(ThinkOpen).Append('\n').Append(thoughts.Trim())
                .Append('\n').Append(ThinkClose).Append("\n\n");
        }
        prompt.Append(content);
    }

    /// <summary>Results of tools that follow each other share one user turn.</summary>
    private static void RenderToolResult(
        StringBuilder prompt, IReadOnlyList<ChatMessage> messages, int i)
    {
        if (i == 0 || messages[i - 1].Role != "tool")
        {
            prompt.Append("<|im_start|>user");
        }
        prompt.Append("\n<tool_response>\n").Append(messages[i].Content.Trim())
            .Append("\n</tool_response>");
        if (i + 1 == messages.Count || messages[i + 1].Role != "tool")
        {
            Close(prompt);
        }
    }

    private static StringBuilder Open(StringBuilder prompt, string role) =>
        prompt.Append("<|im_start|>").Append(role).Append('\n');

    private static void Close(StringBuilder prompt) => prompt.Append("<|im_end|>\n");

    private static int LastIndexOf(IReadOnlyList<ChatMessage> messages, string role)
    {
        int i = messages.Count - 1;
        while (i >= 0 && messages[i].Role != role)
        {
            i--;
        }
        return i;
    }

    private static ChatTemplateException Refused(string what, string expected, int index) =>
        new($"[chat] {what}: expected {expected}, got message {index} otherwise (ChatML)");
}

/// <summary>A conversation that a chat template cannot render.</summary>
public sealed class ChatTemplateException(string message) : MetalMoeException(message);
