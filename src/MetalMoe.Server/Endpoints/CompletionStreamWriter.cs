using MetalMoe.Server.Api;
using MetalMoe.Server.Http;
using MetalMoe.Server.Inference;

namespace MetalMoe.Server.Endpoints;

/// <summary>A streamed text completion.</summary>
internal sealed class CompletionStreamWriter(ServerContext server, string id, bool withUsage)
    : IAnswerWriter
{
    private readonly long _created = ServerContext.Now();
    private readonly List<AnswerToken> _tokens = [];
    private int _offset;

    public void Begin(EventStream stream)
    {
    }

    public void Write(EventStream stream, AnswerStep step)
    {
        _tokens.AddRange(step.Tokens);
        foreach (var part in step.Parts)
        {
            Write(stream, part.Text, null);
        }
        if (step.End is not { } end)
        {
            return;
        }
        Write(stream, "", end.Reason);
        if (withUsage)
        {
            stream.Write(Chunk([], ServerContext.UsageOf(end)), ServerJson.Api.CompletionJson);
        }
        stream.WriteDone();
    }

    public void Fail(EventStream stream, ApiException reason) =>
        stream.Write(reason.ToJson(), ServerJson.Api.ErrorJson);

    private void Write(EventStream stream, string text, string? reason)
    {
        CompletionLogprobsJson? logprobs = null;
        if (_tokens.Count > 0)
        {
            logprobs = Logprobs.ForCompletion(_tokens, server.Model.Text, ref _offset);
            _tokens.Clear();
        }
        stream.Write(
            Chunk([new CompletionChoiceJson(0, text, logprobs, reason)], null),
            ServerJson.Api.CompletionJson);
    }

    private CompletionJson Chunk(
        IReadOnlyList<CompletionChoiceJson> choices, UsageJson? usage) =>
        new(id, "text_completion", _created, server.ModelName, server.Fingerprint, choices,
            usage);
}
