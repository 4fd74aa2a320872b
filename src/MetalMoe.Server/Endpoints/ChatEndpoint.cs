using MetalMoe.Chat;
using MetalMoe.Server.Api;
using MetalMoe.Server.Http;
using MetalMoe.Server.Inference;
using Microsoft.AspNetCore.Http;

namespace MetalMoe.Server.Endpoints;

/// <summary><c>POST /v1/chat/completions</c>.</summary>
internal sealed class ChatEndpoint(ServerContext server)
{
    public async Task RunAsync(HttpContext context)
    {
        var request = await JsonBody.ReadAsync(
            context, ServerJson.Api.ChatRequestJson, server.Options.ReceiveTimeout)
            .ConfigureAwait(false);
        var job = server.Jobs.Build(QuestionReader.Read(request, server.ModelName));
        string id = ServerContext.NewId("chatcmpl-");
        if (request.Stream == true)
        {
            var writer = new ChatStreamWriter(
                server, id, request.StreamOptions?.IncludeUsage == true);
            await server.StreamAsync(context, job, writer).ConfigureAwait(false);
            return;
        }
        var answer = new WholeAnswer();
        await server.AnswerAsync(context, job, answer.Add).ConfigureAwait(false);
        await JsonBody.WriteAsync(
            context, ToJson(answer, id, job.Options.TopLogProbabilities is not null),
            ServerJson.Api.ChatCompletionJson).ConfigureAwait(false);
    }

    /// <summary>A call in the form of answers.</summary>
    public static ToolCallJson CallOf(ParsedToolCall call, int? index) => new()
    {
        Index = index,
        Id = ServerContext.NewId("call_"),
        Type = "function",
        Function = new FunctionCallJson(call.Name, call.Arguments.GetRawText()),
    };

    private ChatCompletionJson ToJson(WholeAnswer answer, string id, bool withLogprobs)
    {
        string text = answer.Text;
        string reasoning = answer.Reasoning;
        ToolCallJson[]? calls = answer.Calls.Count == 0
            ? null : [.. answer.Calls.Select(call => CallOf(call, null))];
        var message = new AnswerMessageJson(
            "assistant", text.Length == 0 && calls is not null ? null : text,
            reasoning.Length == 0 ? null : reasoning, null, calls);
        var logprobs = withLogprobs
            ? Logprobs.Of(answer.Tokens, server.Model.Text) : null;
        return new ChatCompletionJson(
            id, "chat.completion", ServerContext.Now(), server.ModelName, server.Fingerprint,
            [new ChatChoiceJson(0, message, logprobs, answer.End!.Reason)],
            ServerContext.UsageOf(answer.End));
    }
}
