using System.Buffers;
using System.Text;
using System.Text.Json;
using MetalMoe.Core.Text;

namespace MetalMoe.Engine;

/// <summary>
/// Keeps what people and tools wrote from being read as control tokens. A template's own
/// <c>&lt;|im_end|&gt;</c> is a token; the same characters inside a message are only text, or a
/// message could end itself and go on as the system. Names of control tokens in messages are
/// broken by a character that no text needs, and mended once the template's tokens are found.
/// </summary>
internal sealed class ControlTextGuard
{
    /// <summary>A noncharacter of Unicode: never part of interchanged text.</summary>
    private const char Mark = '\uFDD0';

    private readonly Tokenizer _tokenizer;
    private readonly Dictionary<string, int> _names = new(StringComparer.Ordinal);
    private readonly string[] _longestFirst;
    private readonly SearchValues<string> _search;

    public ControlTextGuard(Tokenizer tokenizer)
    {
        _tokenizer = tokenizer;
        var vocabulary = tokenizer.Vocabulary;
        for (int id = vocabulary.Count - 1; id >= 0; id--)
        {
            if (vocabulary.KindOf(id) is TokenKind.Control or TokenKind.Unknown
                && vocabulary.TokenText(id) is { Length: > 0 } name)
            {
                _names[name] = id;
            }
        }
        _longestFirst = [.. _names.Keys.OrderByDescending(name => name.Length)];
        _search = SearchValues.Create(_longestFirst, StringComparison.Ordinal);
    }

    /// <summary>The message with the control names in its texts broken.</summary>
    public ChatMessage Protect(ChatMessage message) => message with
    {
        Content = Protect(message.Content),
        ReasoningContent = message.ReasoningContent is { } thoughts ? Protect(thoughts) : null,
        Name = message.Name is { } name ? Protect(name) : null,
        ToolCallId = message.ToolCallId is { } id ? Protect(id) : null,
        ToolCalls = [.. message.ToolCalls.Select(call => new ChatToolCall(
            Protect(call.Id), Protect(call.Name), Protect(call.Arguments)))],
    };

    /// <summary>The tool with the control names in its texts broken.</summary>
    public ChatTool Protect(ChatTool tool) => new(
        Protect(tool.Name), tool.Description is { } text ? Protect(text) : null,
        Protect(tool.Parameters));

    /// <summary>Tokens of a rendered prompt: unbroken names are the template's and become
    /// tokens, broken ones are mended and become text.</summary>
    public int[] Encode(string prompt)
    {
        if (!prompt.Contains(Mark, StringComparison.Ordinal))
        {
            return _tokenizer.Encode(prompt, parseSpecial: true);
        }
        var tokens = new List<int>((prompt.Length / 3) + 8);
        int start = 0;
        while (start < prompt.Length)
        {
            int at = prompt.AsSpan(start).IndexOfAny(_search);
            int end = at < 0 ? prompt.Length : start + at;
            string text = prompt[start..end].Replace($"{Mark}", "", StringComparison.Ordinal);
            _tokenizer.Encode(text, tokens, parseSpecial: false);
            if (at < 0)
            {
                break;
            }
            string name = NameAt(prompt.AsSpan(end));
            tokens.Add(_names[name]);
            start = end + name.Length;
        }
        return [.. tokens];
    }

    private string Protect(string text)
    {
        int at = text.AsSpan().IndexOfAny(_search);
        if (at < 0 && !text.Contains(Mark, StringComparison.Ordinal))
        {
            return text;
        }
        // A mark of the writer's own would vanish with ours.
        text = text.Replace(Mark, '\uFFFD');
        var broken = new StringBuilder(text.Length + 8);
        int start = 0;
        while ((at = text.AsSpan(start).IndexOfAny(_search)) >= 0)
        {
            broken.Append(text, start, at + 1).Append(Mark);
            start += at + 1;
        }
        return broken.Append(text, start, text.Length - start).ToString();
    }

    private JsonElement Protect(JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.Undefined)
        {
            return value;
        }
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            Write(writer, value);
        }
        return JsonElement.Parse(buffer.WrittenSpan);
    }

    private void Write(Utf8JsonWriter writer, JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                writer.WriteStartObject();
                foreach (var property in value.EnumerateObject())
                {
                    writer.WritePropertyName(Protect(property.Name));
                    Write(writer, property.Value);
                }
                writer.WriteEndObject();
                break;
            case JsonValueKind.Array:
                writer.WriteStartArray();
                foreach (var item in value.EnumerateArray())
                {
                    Write(writer, item);
                }
                writer.WriteEndArray();
                break;
            case JsonValueKind.String:
                writer.WriteStringValue(Protect(value.GetString()!));
                break;
            default:
                value.WriteTo(writer);
                break;
        }
    }

    private string NameAt(ReadOnlySpan<char> text)
    {
        foreach (string name in _longestFirst)
        {
            if (text.StartsWith(name))
            {
                return name;
            }
        }
        throw new System.Diagnostics.UnreachableException("the search found a name here");
    }
}
