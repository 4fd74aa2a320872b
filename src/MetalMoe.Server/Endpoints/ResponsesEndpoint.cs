using System.Text.Json;
using MetalMoe.Core.Text;
using MetalMoe.Server.Api;
using MetalMoe.Server.Http;
using Microsoft.AspNetCore.Http;

namespace MetalMoe.Server.Endpoints;

/// <summary><c>POST /v1/responses</c>. Nothing is stored: a request brings its whole
/// conversation.</summary>
internal sealed class ResponsesEndpoint(ServerContext server)
{
    public async Task RunAsync(HttpContext context)
    {
        var request = await JsonBody.ReadAsync(
            context, ServerJson.Api.ResponsesRequestJson, server.Options.ReceiveTimeout)
            .ConfigureAwait(false);
        var question = Read(request);
        var job = server.Jobs.Build(question);
        var output = new ResponseOutput(server.ModelName, question);
        if (request.Stream == true)
        {
            await server.StreamAsync(context, job, new ResponseStreamWriter(output))
                .ConfigureAwait(false);
            return;
        }
        await server.AnswerAsync(context, job, step => output.Add(step, null))
            .ConfigureAwait(false);
        await JsonBody.WriteAsync(context, output.ToJson(), ServerJson.Api.ResponseJson)
            .ConfigureAwait(false);
    }

    private ChatQuestion Read(ResponsesRequestJson request)
    {
        SamplingReader.CheckCommon(request, server.ModelName);
        if (request.PreviousResponseId is not null
            || request.Conversation is { ValueKind: not JsonValueKind.Null })
        {
            throw ApiException.Unsupported("previous_response_id",
                "nothing is stored here; send the conversation as input");
        }
        if (request.Background == true)
        {
            throw ApiException.Unsupported("background", "nothing is stored here");
        }
        ChatTool[] tools = [.. (request.Tools ?? []).Select(ReadTool)];
        QuestionReader.CheckTools(tools);
        return new ChatQuestion
        {
            Messages = ReadInput(request),
            Sampling = request,
            Tools = tools,
            ToolChoice = ToolChoice.Parse(request.ToolChoice, tools),
            ParallelToolCalls = request.ParallelToolCalls ?? true,
            Schema = QuestionReader.ReadFormat(
                request.Text?.Format?.Type, request.Text?.Format?.Schema, "text.format"),
            MaxTokens = SamplingReader.Positive("max_output_tokens", request.MaxOutputTokens),
            ReasoningEffort = request.Reasoning?.Effort,
        };
    }

    private static ChatTool ReadTool(ResponseToolJson? tool, int index)
    {
        string param = $"tools[{index}]";
        return tool is { Type: "function" }
            ? QuestionReader.CreateTool(tool.Name, tool.Description, tool.Parameters, param)
            : throw ApiException.BadField(param, "a function", "other");
    }

    private static List<ChatMessage> ReadInput(ResponsesRequestJson request)
    {
        var messages = new List<ChatMessage>();
        if (request.Instructions is { Length: > 0 } instructions)
        {
            messages.Add(new ChatMessage("system", instructions));
        }
        switch (request.Input)
        {
            case { ValueKind: JsonValueKind.String } text:
                messages.Add(new ChatMessage("user", text.GetString()!));
                break;
            case { ValueKind: JsonValueKind.Array } items when items.GetArrayLength() > 0:
                ReadItems(items, messages);
                break;
            default:
                throw ApiException.BadField("input", "a text or an array of items", "other");
        }
        return messages;
    }

    private static void ReadItems(JsonElement items, List<ChatMessage> messages)
    {
        var names = new Dictionary<string, string>(StringComparer.Ordinal);
        int i = 0;
        foreach (var element in items.EnumerateArray())
        {
            string param = $"input[{i++}]";
            string? kind = element.ValueKind == JsonValueKind.Object
                ? JsonBody.Read(element, ServerJson.Api.ItemKindJson, param).Type
                : throw ApiException.BadField(param, "an item", "other");
            if (kind == "reasoning")
            {
                continue;
            }
            var item = JsonBody.Read(element, ServerJson.Api.InputItemJson, param);
            switch (kind)
            {
                case null or "message":
                    messages.Add(ReadMessage(item, param));
                    break;
                case "function_call" when item is { CallId: { } id, Name: { } name }:
                    names[id] = name;
                    AddCall(messages, new ChatToolCall(
                        id, name, QuestionReader.ParseArguments(item.Arguments ?? "")));
                    break;
                case "function_call_output" when item is { CallId: { } id, Output: { } output }:
                    messages.Add(new ChatMessage("tool", output)
                    {
                        ToolCallId = id,
                        Name = names.GetValueOrDefault(id),
                    });
                    break;
                default:
                    throw ApiException.BadField(param,
                        "a message, function_call or function_call_output", "other");
            }
        }
    }

    private static ChatMessage ReadMessage(InputItemJson item, string param)
    {
        string role = item.Role switch
        {
            "developer" => "system",
            "system" or "user" or "assistant" => item.Role,
            _ => throw ApiException.BadField(
                $"{param}.role", "system, developer, user or assistant", "other"),
        };
        return item.Content is { } content ? new ChatMessage(role, content)
            : throw ApiException.BadField($"{param}.content", "a text", "none");
    }

    /// <summary>Calls that follow each other, or a text, belong to one message.</summary>
    private static void AddCall(List<ChatMessage> messages, ChatToolCall call)
    {
        if (messages.Count > 0 && messages[^1].Role == "assistant")
        {
            messages[^1] = messages[^1] with { ToolCalls = [.. messages[^1].ToolCalls, call] };
        }
        else
        {
            messages.Add(new ChatMessage("assistant", "") { ToolCalls = [call] });
        }
    }
}
