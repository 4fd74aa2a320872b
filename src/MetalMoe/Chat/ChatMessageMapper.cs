using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using MetalMoe.Core;
using MetalMoe.Core.Text;
using Microsoft.Extensions.AI;
using ChatMessage = MetalMoe.Core.Text.ChatMessage;

namespace MetalMoe.Chat;

/// <summary>Turns messages of Microsoft.Extensions.AI into those of a chat template.</summary>
internal static class ChatMessageMapper
{
    private static readonly JsonWriterOptions _writing =
        new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The conversation; instructions become the system's message, or its beginning.
    /// </summary>
    /// <exception cref="MetalMoeException">A message holds what no model here can read.
    /// </exception>
    public static List<ChatMessage> Map(
        IEnumerable<Microsoft.Extensions.AI.ChatMessage> messages, string? instructions)
    {
        var mapped = new List<ChatMessage>();
        foreach (var message in messages)
        {
            Add(message, mapped);
        }
        if (mapped.Count == 0)
        {
            throw new MetalMoeException("[chat] messages: expected at least one, got none");
        }
        if (!string.IsNullOrEmpty(instructions))
        {
            // Templates know one system message, the first.
            if (mapped[0].Role == "system")
            {
                mapped[0] = mapped[0] with { Content = $"{instructions}\n\n{mapped[0].Content}" };
            }
            else
            {
                mapped.Insert(0, new ChatMessage("system", instructions));
            }
        }
        return mapped;
    }

    /// <summary>A value as JSON, with whatever type information the application has.</summary>
    public static void WriteValue(Utf8JsonWriter writer, object? value)
    {
        switch (value)
        {
            case null:
                writer.WriteNullValue();
                break;
            case JsonElement element:
                element.WriteTo(writer);
                break;
            case string text:
                writer.WriteStringValue(text);
                break;
            default:
                JsonSerializer.Serialize(
                    writer, value, AIJsonUtilities.DefaultOptions.GetTypeInfo(value.GetType()));
                break;
        }
    }

    private static void Add(
        Microsoft.Extensions.AI.ChatMessage message, List<ChatMessage> mapped)
    {
        string role = Role(message.Role);
        StringBuilder text = new(), thoughts = new();
        var calls = new List<ChatToolCall>();
        int before = mapped.Count;
        foreach (var content in message.Contents)
        {
            switch (content)
            {
                case TextContent plain:
                    text.Append(plain.Text);
                    break;
                case TextReasoningContent thought:
                    thoughts.Append(thought.Text);
                    break;
                case FunctionCallContent call:
                    calls.Add(new ChatToolCall(call.CallId, call.Name, ToJson(call.Arguments)));
                    break;
                case FunctionResultContent result:
                    mapped.Add(new ChatMessage("tool", TextOf(result))
                    {
                        ToolCallId = result.CallId,
                        Name = NameOf(result.CallId, mapped),
                    });
                    break;
                case UsageContent or ErrorContent:
                    // About an answer, not part of it.
                    break;
                case DataContent data when data.HasTopLevelMediaType("text"):
                    text.Append(Encoding.UTF8.GetString(data.Data.Span));
                    break;
                default:
                    throw new MetalMoeException(
                        $"[chat] content: expected text, calls or results, got {Name(content)}");
            }
        }
        bool isOnlyResults = mapped.Count > before && text.Length == 0 && calls.Count == 0;
        if (role == "tool" ? text.Length > 0 || mapped.Count == before : !isOnlyResults)
        {
            mapped.Add(new ChatMessage(role, text.ToString())
            {
                ReasoningContent = thoughts.Length > 0 ? thoughts.ToString() : null,
                ToolCalls = calls,
                Name = message.AuthorName,
            });
        }
    }

    private static string Role(ChatRole role) => role.Value switch
    {
        "system" or "developer" => "system",
        "user" or "assistant" or "tool" => role.Value,
        _ => throw new MetalMoeException(
            $"[chat] role: expected system, user, assistant or tool, got {role.Value}"),
    };

    private static string Name(AIContent content) =>
        content is DataContent data ? data.MediaType : content.GetType().Name;

    private static string? NameOf(string callId, List<ChatMessage> earlier)
    {
        for (int i = earlier.Count - 1; i >= 0; i--)
        {
            foreach (var call in earlier[i].ToolCalls)
            {
                if (call.Id == callId)
                {
                    return call.Name;
                }
            }
        }
        return null;
    }

    private static string TextOf(FunctionResultContent content) => content.Result switch
    {
        string text => text,
        null => content.Exception is { } error ? $"Error: {error.Message}" : "",
        JsonElement { ValueKind: JsonValueKind.String } text => text.GetString()!,
        TextContent text => text.Text,
        IEnumerable<AIContent> parts => string.Concat(parts.OfType<TextContent>()),
        var value => Encoding.UTF8.GetString(Serialize(writer => WriteValue(writer, value))),
    };

    private static JsonElement ToJson(IDictionary<string, object?>? arguments) =>
        JsonElement.Parse(Serialize(writer =>
        {
            writer.WriteStartObject();
            foreach (var (name, value) in arguments ?? new Dictionary<string, object?>())
            {
                writer.WritePropertyName(name);
                WriteValue(writer, value);
            }
            writer.WriteEndObject();
        }));

    private static ReadOnlySpan<byte> Serialize(Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, _writing))
        {
            write(writer);
        }
        return buffer.WrittenSpan;
    }
}
