using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace MetalMoe.Core.Text;

/// <summary>A conversation as the model reads it.</summary>
/// <param name="Tokens">Token ids.</param>
/// <param name="Text">The same as text.</param>
public sealed record EncodedPrompt(int[] Tokens, string Text);

/// <summary>
/// Renders conversations and encodes them so that only the template's own control tokens count:
/// what stands in messages, tools and variables is text, whatever it reads like.
/// </summary>
/// <remarks>
/// A template is a program and mixes both in one text. So before it runs, names of control
/// tokens in its input are broken up with a character that occurs nowhere in that input; control
/// tokens are then looked for in the output, and only after that the character is taken out.
/// User-defined tokens, such as <c>&lt;think&gt;</c> of Qwen, are not control tokens: like every
/// other tokenizer this one reads them in any text.
/// </remarks>
public static class ChatPromptEncoder
{
    // Private-use characters: none has a meaning, and few texts use even one of them.
    private const char FirstMark = '\uE000';
    private const char LastMark = '\uF8FF';

    private static readonly JsonWriterOptions _writing =
        new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Tokens of a conversation.</summary>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="template">The model's template.</param>
    /// <param name="messages">The messages, oldest first.</param>
    /// <param name="options">Tools, thinking and the like.</param>
    /// <exception cref="MetalMoeException">The template refuses the conversation.</exception>
    public static EncodedPrompt Encode(
        Tokenizer tokenizer, IChatTemplate template, IReadOnlyList<ChatMessage> messages,
        ChatTemplateOptions options)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        ArgumentNullException.ThrowIfNull(template);
        ArgumentNullException.ThrowIfNull(messages);
        ArgumentNullException.ThrowIfNull(options);
        var names = tokenizer.ControlTokenNames;
        var texts = new HashSet<string>(StringComparer.Ordinal);
        Visit(messages, options, text =>
        {
            texts.Add(text);
            return text;
        });
        var tokens = new List<int>();
        if (!texts.Any(names.Occurs))
        {
            string prompt = template.Render(messages, options);
            tokenizer.Encode(prompt, tokens, parseSpecial: true);
            return new EncodedPrompt([.. tokens], prompt);
        }
        char mark = Unused(texts);
        var (marked, markedOptions) = Visit(messages, options, text => names.Break(text, mark));
        string rendered = template.Render(marked, markedOptions);
        tokenizer.EncodeMarked(rendered, mark, tokens);
        return new EncodedPrompt(
            [.. tokens], rendered.Replace($"{mark}", "", StringComparison.Ordinal));
    }

    private static char Unused(HashSet<string> texts)
    {
        var used = new HashSet<char>();
        foreach (string text in texts)
        {
            used.UnionWith(text.Where(c => c is >= FirstMark and <= LastMark));
        }
        for (char mark = FirstMark; mark <= LastMark; mark++)
        {
            if (!used.Contains(mark))
            {
                return mark;
            }
        }
        throw new ChatTemplateException("[chat] messages: expected at least one private-use "
            + "character that does not occur in them, got all 6400");
    }

    /// <summary>The conversation with every text in it replaced.</summary>
    private static (IReadOnlyList<ChatMessage>, ChatTemplateOptions) Visit(
        IReadOnlyList<ChatMessage> messages, ChatTemplateOptions options,
        Func<string, string> replace)
    {
        string? Optional(string? text) => text is null ? null : replace(text);
        ChatMessage[] replaced = [.. messages.Select(message => message with
        {
            Content = replace(message.Content),
            ReasoningContent = Optional(message.ReasoningContent),
            ToolCallId = Optional(message.ToolCallId),
            Name = Optional(message.Name),
            ToolCalls = [.. message.ToolCalls.Select(call => new ChatToolCall(
                replace(call.Id), replace(call.Name), Visit(call.Arguments, replace)))],
        })];
        return (replaced, options with
        {
            Tools = [.. options.Tools.Select(tool => new ChatTool(
                replace(tool.Name), Optional(tool.Description),
                Visit(tool.Parameters, replace)))],
            Variables = options.Variables.ToDictionary(
                entry => entry.Key, entry => Visit(entry.Value, replace)),
        });
    }

    private static JsonElement Visit(JsonElement value, Func<string, string> replace)
    {
        if (value.ValueKind is not (JsonValueKind.Object or JsonValueKind.Array
            or JsonValueKind.String))
        {
            return value;
        }
        var buffer = new ArrayBufferWriter<byte>();
        bool isChanged;
        using (var writer = new Utf8JsonWriter(buffer, _writing))
        {
            isChanged = Write(value, writer, replace);
        }
        // Numbers keep their spelling, and so does everything where nothing was replaced.
        return isChanged ? JsonElement.Parse(buffer.WrittenSpan) : value;
    }

    private static bool Write(
        JsonElement value, Utf8JsonWriter writer, Func<string, string> replace)
    {
        bool isChanged = false;
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                writer.WriteStartObject();
                foreach (var property in value.EnumerateObject())
                {
                    string name = replace(property.Name);
                    isChanged |= name != property.Name;
                    writer.WritePropertyName(name);
                    isChanged |= Write(property.Value, writer, replace);
                }
                writer.WriteEndObject();
                break;
            case JsonValueKind.Array:
                writer.WriteStartArray();
                foreach (var element in value.EnumerateArray())
                {
                    isChanged |= Write(element, writer, replace);
                }
                writer.WriteEndArray();
                break;
            case JsonValueKind.String:
                string text = value.GetString()!;
                string replaced = replace(text);
                isChanged = replaced != text;
                writer.WriteStringValue(replaced);
                break;
            default:
                writer.WriteRawValue(value.GetRawText());
                break;
        }
        return isChanged;
    }
}
