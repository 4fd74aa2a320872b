using MetalMoe.Chat;
using MetalMoe.Server.Api;
using MetalMoe.Server.Http;
using MetalMoe.Server.Inference;

namespace MetalMoe.Server.Endpoints;

/// <summary>A streamed chat completion.</summary>
internal sealed class ChatStreamWriter(ServerContext server, string id, bool withUsage)
    : IAnswerWriter
{
    private readonly long _created = ServerContext.Now();
    private readonly List<AnswerToken> _tokens = [];
    private int _calls;

    public void Begin(EventStream stream) =>
        Write(stream, new DeltaJson { Role = "assistant", Content = "" }, null);

    public void Write(EventStream stream, AnswerStep step)
    {
        // Tokens that brought no text yet go with the next text.
        _tokens.AddRange(step.Tokens);
        foreach (var part in step.Parts)
        {
            Write(stream, DeltaOf(part), null);
        }
        if (step.End is not { } end)
        {
            return;
        }
        Write(stream, DeltaJson.Nothing, end.Reason);
        if (withUsage)
        {
            stream.Write(Chunk([], ServerContext.UsageOf(end)), ServerJson.Api.ChatChunkJson);
        }
        stream.WriteDone();
    }

    public void Fail(EventStream stream, ApiException reason) =>
        stream.Write(reason.ToJson(), ServerJson.Api.ErrorJson);

    private DeltaJson DeltaOf(ChatOutputPart part) => part.Kind switch
    {
        ChatOutputKind.Reasoning => new DeltaJson { ReasoningContent = part.Text },
        ChatOutputKind.ToolCall => new DeltaJson
        {
            ToolCalls = [ChatEndpoint.CallOf(part.ToolCall!, _calls++)],
        },
        _ => new DeltaJson { Content = part.Text },
    };

    private void Write(EventStream stream, DeltaJson delta, string? reason)
    {
        LogprobsJson? logprobs = null;
        if (_tokens.Count > 0)
        {
            logprobs = Logprobs.Of(_tokens, server.Model.Text);
            _tokens.Clear();
        }
        stream.Write(
            Chunk([new ChatChunkChoiceJson(0, delta, logprobs, reason)], null),
            ServerJson.Api.ChatChunkJson);
    }

    private ChatChunkJson Chunk(
        IReadOnlyList<ChatChunkChoiceJson> choices, UsageJson? usage) =>
        new(id, "chat.completion.chunk", _created, server.ModelName, server.Fingerprint,
            choices, usage);
}
