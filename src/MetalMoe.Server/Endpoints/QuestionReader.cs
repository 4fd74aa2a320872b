using System.Text.Json;
using System.Text.RegularExpressions;
using MetalMoe.Core.Text;
using MetalMoe.Server.Api;
using MetalMoe.Server.Http;

namespace MetalMoe.Server.Endpoints;

/// <summary>Reads the body of <c>/v1/chat/completions</c>.</summary>
internal static partial class QuestionReader
{
    private const int MaxTools = 128;
    private const int MaxVariables = 32;

    private static readonly JsonElement AnyObject = JsonElement.Parse("""{"type":"object"}""");

    /// <exception cref="ApiException">Something is wrong or not supported.</exception>
    public static ChatQuestion Read(ChatRequestJson request, string servedModel)
    {
        SamplingReader.CheckCommon(request, servedModel);
        RefuseUnsupported(request);
        ChatTool[] tools = [.. (request.Tools ?? []).Select(ReadTool)];
        CheckTools(tools);
        if (request.TopLogprobs is not null && request.Logprobs != true)
        {
            throw ApiException.BadField("top_logprobs", "none without logprobs", "some");
        }
        if (request.TopLogprobs is < 0 or > 20)
        {
            throw ApiException.BadField("top_logprobs", "0 to 20", "other");
        }
        if (request.ChatTemplateKwargs?.Count > MaxVariables)
        {
            throw ApiException.BadField(
                "chat_template_kwargs", $"at most {MaxVariables} variables", "more");
        }
        return new ChatQuestion
        {
            Messages = ReadMessages(request.Messages),
            Sampling = request,
            Tools = tools,
            ToolChoice = ToolChoice.Parse(request.ToolChoice, tools),
            ParallelToolCalls = request.ParallelToolCalls ?? true,
            Schema = ReadFormat(
                request.ResponseFormat?.Type, request.ResponseFormat?.JsonSchema?.Schema,
                "response_format"),
            MaxTokens = SamplingReader.Positive(
                "max_completion_tokens", request.MaxCompletionTokens)
                ?? SamplingReader.Positive("max_tokens", request.MaxTokens),
            TopLogprobs = request.Logprobs == true ? request.TopLogprobs ?? 0 : null,
            ReasoningEffort = request.ReasoningEffort,
            TemplateVariables = request.ChatTemplateKwargs
                ?? new Dictionary<string, JsonElement>(),
        };
    }

    /// <summary>The schema of an answer; null for free text.</summary>
    public static JsonElement? ReadFormat(string? type, JsonElement? schema, string param) =>
        type switch
        {
            null or "text" => null,
            "json_object" => AnyObject,
            "json_schema" => schema is { ValueKind: JsonValueKind.Object } given ? given
                : throw ApiException.BadField($"{param}.json_schema", "a schema", "none"),
            _ => throw ApiException.BadField(
                $"{param}.type", "text, json_object or json_schema", "other"),
        };

    /// <summary>A tool whose name and schema can be shown to the model.</summary>
    public static ChatTool CreateTool(
        string? name, string? description, JsonElement? parameters, string param)
    {
        if (name is null || !ToolName().IsMatch(name))
        {
            throw ApiException.BadField(
                $"{param}.name", "1 to 64 letters, digits, - or _", "other");
        }
        var schema = parameters is { ValueKind: not JsonValueKind.Null } given
            ? given : AnyObject;
        return schema.ValueKind == JsonValueKind.Object
            ? new ChatTool(name, description, schema)
            : throw ApiException.BadField($"{param}.parameters", "a schema", "other");
    }

    /// <exception cref="ApiException">There are too many tools, or two of one name.</exception>
    public static void CheckTools(IReadOnlyList<ChatTool> tools)
    {
        if (tools.Count > MaxTools)
        {
            throw ApiException.BadField("tools", $"at most {MaxTools}", "more");
        }
        if (tools.DistinctBy(tool => tool.Name).Count() != tools.Count)
        {
            throw ApiException.BadField("tools", "names that differ", "one name twice");
        }
    }

    /// <summary>Arguments of a call as JSON; a text where they are none.</summary>
    public static JsonElement ParseArguments(string arguments)
    {
        try
        {
            return JsonElement.Parse(arguments.Length == 0 ? "{}" : arguments);
        }
        catch (JsonException)
        {
            return JsonElement.Parse(
                JsonSerializer.SerializeToUtf8Bytes(arguments, ServerJson.Api.String));
        }
    }

    private static ChatTool ReadTool(ToolJson? tool, int index)
    {
        string param = $"tools[{index}]";
        if (tool is not { Type: "function" or null, Function: { } function })
        {
            throw ApiException.BadField(param, "a function", "other");
        }
        return CreateTool(
            function.Name, function.Description, function.Parameters, $"{param}.function");
    }

    private static void RefuseUnsupported(ChatRequestJson request)
    {
        static bool IsGiven(JsonElement? value) =>
            value is { ValueKind: not JsonValueKind.Null };
        if (IsGiven(request.Functions) || IsGiven(request.FunctionCall))
        {
            throw ApiException.Unsupported("functions", "replaced by tools");
        }
        if (IsGiven(request.Audio))
        {
            throw ApiException.Unsupported("audio", "this model writes text only");
        }
    }

    private static List<ChatMessage> ReadMessages(IReadOnlyList<MessageJson?>? given)
    {
        if (given is not { Count: > 0 })
        {
            throw ApiException.BadField("messages", "at least one", "none");
        }
        var messages = new List<ChatMessage>(given.Count);
        var callNames = new Dictionary<string, string>(StringComparer.Ordinal);
        for (int i = 0; i < given.Count; i++)
        {
            var message = given[i]
                ?? throw ApiException.BadField($"messages[{i}]", "an object", "null");
            messages.Add(ReadMessage(message, $"messages[{i}]", callNames));
        }
        return messages;
    }

    private static ChatMessage ReadMessage(
        MessageJson message, string param, Dictionary<string, string> callNames)
    {
        string role = message.Role switch
        {
            "developer" => "system",
            "system" or "user" or "assistant" or "tool" => message.Role,
            _ => throw ApiException.BadField(
                $"{param}.role", "system, developer, user, assistant or tool", "other"),
        };
        ChatToolCall[] calls = role != "assistant" ? []
            : [.. (message.ToolCalls ?? []).Select((call, i) =>
                ReadCall(call, $"{param}.tool_calls[{i}]", callNames))];
        if (message.Content is null && (role != "assistant" || calls.Length == 0))
        {
            throw ApiException.BadField($"{param}.content", "a text", "none");
        }
        string? name = message.Name;
        if (role == "tool")
        {
            string id = message.ToolCallId
                ?? throw ApiException.BadField($"{param}.tool_call_id", "a text", "none");
            name ??= callNames.GetValueOrDefault(id);
        }
        return new ChatMessage(role, message.Content ?? "")
        {
            ReasoningContent = role == "assistant" ? message.ReasoningContent : null,
            ToolCalls = calls,
            ToolCallId = role == "tool" ? message.ToolCallId : null,
            Name = name,
        };
    }

    private static ChatToolCall ReadCall(
        ToolCallJson? call, string param, Dictionary<string, string> callNames)
    {
        if (call is not { Id: { } id, Function.Name: { } name })
        {
            throw ApiException.BadField(param, "a call with id and function", "other");
        }
        callNames[id] = name;
        return new ChatToolCall(id, name, ParseArguments(call.Function.Arguments ?? ""));
    }

    [GeneratedRegex(@"^[A-Za-z0-9_-]{1,64}\z")]
    private static partial Regex ToolName();
}
