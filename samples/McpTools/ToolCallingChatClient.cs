using Microsoft.Extensions.AI;

namespace McpTools;

/// <summary>
/// Calls the tools that the model asks for and hands it the results, until it answers. Where the
/// package Microsoft.Extensions.AI is at hand, its UseFunctionInvocation does the same and more.
/// </summary>
internal sealed class ToolCallingChatClient(IChatClient inner) : DelegatingChatClient(inner)
{
    private const int MaxRounds = 8;

    /// <summary>Raised after each call, with what it gave.</summary>
    public event Action<FunctionCallContent, object?>? Called;

    public override async Task<ChatResponse> GetResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        List<ChatMessage> conversation = [.. messages];
        for (int round = 1; ; round++)
        {
            var response = await base.GetResponseAsync(conversation, options, cancellationToken);
            FunctionCallContent[] calls = [.. response.Messages
                .SelectMany(message => message.Contents).OfType<FunctionCallContent>()];
            if (calls.Length == 0 || round == MaxRounds)
            {
                return response;
            }
            conversation.AddMessages(response);
            var results = new List<AIContent>();
            foreach (var call in calls)
            {
                results.Add(await CallAsync(call, options, cancellationToken));
            }
            conversation.Add(new ChatMessage(ChatRole.Tool, results));
            // The call that was demanded is made; now the model may answer.
            options = options?.Clone();
            options?.ToolMode = ChatToolMode.None;
        }
    }

    private async Task<FunctionResultContent> CallAsync(
        FunctionCallContent call, ChatOptions? options, CancellationToken cancellationToken)
    {
        var tool = options?.Tools?.OfType<AIFunction>().FirstOrDefault(t => t.Name == call.Name);
        if (tool is null || call.Exception is not null)
        {
            return new FunctionResultContent(
                call.CallId, call.Exception?.Message ?? $"no tool is called {call.Name}");
        }
        object? result = await tool.InvokeAsync(
            new AIFunctionArguments(call.Arguments), cancellationToken);
        Called?.Invoke(call, result);
        return new FunctionResultContent(call.CallId, result);
    }
}
