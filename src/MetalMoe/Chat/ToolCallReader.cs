using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using MetalMoe.Core.Text;

namespace MetalMoe.Chat;

/// <summary>Reads what stands between the marks of one tool call.</summary>
internal static class ToolCallReader
{
    private const string ParameterOpen = "<parameter=";
    private const string ParameterClose = "</parameter>";

    /// <summary>Arguments are shown to people and to the model: only what JSON must escape is.
    /// </summary>
    private static readonly JsonWriterOptions _writing =
        new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>
    /// Whether the end mark at the end of <paramref name="body"/> ends the call, or is part of an
    /// argument that speaks of such marks.
    /// </summary>
    public static bool CanEnd(string body, bool isBare)
    {
        if (body.AsSpan().TrimStart().StartsWith("{"))
        {
            return !IsInsideJsonString(body);
        }
        if (!isBare)
        {
            string inner = body[..^ChatOutputParser.CallClose.Length];
            if (inner.AsSpan().TrimEnd().EndsWith(ChatOutputParser.FunctionClose))
            {
                return true;
            }
        }
        // Inside an open parameter the mark is text.
        int open = body.LastIndexOf(ParameterOpen, StringComparison.Ordinal);
        return open < 0 || FindParameterClose(body, open) >= 0;
    }

    /// <summary>Reads a call; says what is wrong if it is none.</summary>
    public static bool TryRead(
        string body, IReadOnlyList<ChatTool> tools, out ParsedToolCall? call, out string error)
    {
        var text = body.AsSpan().Trim();
        call = null;
        if (text.StartsWith("{"))
        {
            return TryReadJson(text.ToString(), tools, out call, out error);
        }
        if (text.StartsWith(ChatOutputParser.FunctionOpen))
        {
            return TryReadXml(text.ToString(), tools, out call, out error);
        }
        error = text.IsEmpty
            ? "[tool call] body: expected a call, got nothing"
            : "[tool call] body: expected '{' or '<function=', got other text";
        return false;
    }

    /// <summary>The JSON so far is sound, and its last character is inside a string.</summary>
    private static bool IsInsideJsonString(string json)
    {
        bool isInside = false;
        for (int i = 0; i < json.Length; i++)
        {
            if (json[i] == '\\' && isInside)
            {
                i++;
            }
            else if (json[i] == '"')
            {
                isInside = !isInside;
            }
            else if (isInside && json[i] < ' ')
            {
                // Not JSON: no string goes over a line break.
                return false;
            }
        }
        return isInside;
    }

    private static bool TryReadJson(
        string json, IReadOnlyList<ChatTool> tools, out ParsedToolCall? call, out string error)
    {
        call = null;
        JsonElement root;
        try
        {
            root = JsonElement.Parse(json);
        }
        catch (JsonException exception)
        {
            error = "[tool call] json: expected an object, got "
                + exception.Message.ReplaceLineEndings(" ");
            return false;
        }
        if (!root.TryGetProperty("name", out var name) || name.ValueKind != JsonValueKind.String
            || name.GetString() is not { Length: > 0 } tool)
        {
            error = "[tool call] name: expected a text, got none";
            return false;
        }
        if (!TryFindArguments(root, out var arguments))
        {
            error = $"[tool call] arguments of {tool}: expected an object, got other JSON";
            return false;
        }
        var reader = new ToolArguments(tools.FirstOrDefault(t => t.Name == tool));
        foreach (var argument in arguments.EnumerateObject())
        {
            reader.Add(argument.Name, argument.Value);
        }
        call = reader.ToCall(tool, _writing);
        error = "";
        return true;
    }

    /// <summary>Arguments are an object; some models write it into a string, or leave it out.
    /// </summary>
    private static bool TryFindArguments(JsonElement call, out JsonElement arguments)
    {
        if (!call.TryGetProperty("arguments", out arguments)
            && !call.TryGetProperty("parameters", out arguments))
        {
            arguments = JsonElement.Parse("{}");
        }
        if (arguments.ValueKind == JsonValueKind.Null)
        {
            arguments = JsonElement.Parse("{}");
        }
        if (arguments.ValueKind == JsonValueKind.String)
        {
            try
            {
                arguments = JsonElement.Parse(arguments.GetString()!);
            }
            catch (JsonException)
            {
                return false;
            }
        }
        return arguments.ValueKind == JsonValueKind.Object;
    }

    private static bool TryReadXml(
        string text, IReadOnlyList<ChatTool> tools, out ParsedToolCall? call, out string error)
    {
        call = null;
        int nameStart = ChatOutputParser.FunctionOpen.Length;
        int nameEnd = text.IndexOf('>', nameStart);
        string name = nameEnd < 0 ? "" : text[nameStart..nameEnd].Trim();
        if (name.Length == 0 || name.Contains('\n', StringComparison.Ordinal))
        {
            error = "[tool call] function: expected <function=NAME>, got none";
            return false;
        }
        var arguments = new ToolArguments(tools.FirstOrDefault(t => t.Name == name));
        int at = nameEnd + 1;
        while (true)
        {
            at += text.AsSpan(at).Length - text.AsSpan(at).TrimStart().Length;
            var rest = text.AsSpan(at);
            if (rest.StartsWith(ParameterOpen))
            {
                if (!TryReadParameter(text, ref at, arguments, out error))
                {
                    return false;
                }
                continue;
            }
            if (rest.StartsWith(ChatOutputParser.FunctionClose)
                && rest[ChatOutputParser.FunctionClose.Length..].IsWhiteSpace())
            {
                call = arguments.ToCall(name, _writing);
                error = "";
                return true;
            }
            error = rest.IsEmpty
                ? $"[tool call] {name}: expected </function>, got the end of the call"
                : $"[tool call] {name}: expected <parameter=NAME> or </function>, got other text";
            return false;
        }
    }

    private static bool TryReadParameter(
        string text, ref int at, ToolArguments arguments, out string error)
    {
        int keyStart = at + ParameterOpen.Length;
        int keyEnd = text.IndexOf('>', keyStart);
        string key = keyEnd < 0 ? "" : text[keyStart..keyEnd].Trim();
        if (key.Length == 0 || key.Contains('\n', StringComparison.Ordinal))
        {
            error = "[tool call] parameter: expected <parameter=NAME>, got none";
            return false;
        }
        int start = keyEnd + 1;
        int end = ParameterEnd(text, start, out int next);
        if (end < 0)
        {
            error = $"[tool call] parameter {key}: expected </parameter>, got the end of the call";
            return false;
        }
        // One line break on each side belongs to the format, not to the value.
        var value = text.AsSpan(start, end - start);
        value = value.StartsWith("\n") ? value[1..] : value;
        value = value.EndsWith("\n") ? value[..^1] : value;
        arguments.AddText(key, value.ToString());
        at = next;
        error = "";
        return true;
    }

    /// <summary>
    /// Where a value ends: at the first end mark that another parameter or the end of the
    /// function follows, so that a value can speak of end marks; if there is none, where the
    /// function ends.
    /// </summary>
    private static int ParameterEnd(string text, int start, out int next)
    {
        int at = FindParameterClose(text, start);
        if (at >= 0)
        {
            next = at + ParameterClose.Length;
            return at;
        }
        next = text.LastIndexOf(ChatOutputParser.FunctionClose, StringComparison.Ordinal);
        return next >= start ? next : -1;
    }

    private static int FindParameterClose(string text, int start)
    {
        int at = text.IndexOf(ParameterClose, start, StringComparison.Ordinal);
        while (at >= 0)
        {
            int next = at + ParameterClose.Length;
            var rest = text.AsSpan(next).TrimStart();
            if (rest.IsEmpty || rest.StartsWith(ParameterOpen)
                || rest.StartsWith(ChatOutputParser.FunctionClose)
                || rest.StartsWith(ChatOutputParser.CallClose))
            {
                return at;
            }
            at = text.IndexOf(ParameterClose, next, StringComparison.Ordinal);
        }
        return -1;
    }
}
