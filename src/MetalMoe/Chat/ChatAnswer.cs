using System.Text;
using MetalMoe.Core;
using MetalMoe.Telemetry;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;

namespace MetalMoe.Chat;

/// <summary>One answer on its way: turns what the engine gives into updates.</summary>
internal sealed class ChatAnswer
{
    /// <summary>Key under which an update carries the log-probabilities of its token.</summary>
    public const string LogProbabilitiesKey = "logprobs";

    /// <summary>Key under which the last update names options that had no effect.</summary>
    public const string IgnoredOptionsKey = "ignored_options";

    private readonly ChatRequest _request;
    private readonly ChatOutputParser _parser;
    private readonly List<ChatOutputPart> _parts = [];
    private readonly ILogger _logger;
    private readonly StringBuilder? _text;
    private readonly string _modelId;
    private readonly string _id = Guid.NewGuid().ToString("N");
    private readonly DateTimeOffset _created = DateTimeOffset.UtcNow;
    private int _calls;
    private int _tokens;
    private int _reasoningTokens;

    public ChatAnswer(
        ChatRequest request, ChatPrompt prompt, string modelId, ILogger logger, bool logsContent)
    {
        _request = request;
        _modelId = modelId;
        _logger = logger;
        _text = logsContent && logger.IsEnabled(LogLevel.Trace) ? new StringBuilder() : null;
        _parser = new ChatOutputParser(new ChatOutputOptions
        {
            Tools = request.Template.Tools,
            StartsInReasoning = prompt.StartsInReasoning,
        });
    }

    /// <summary>The answer holds the one call that it may hold: nothing more is wanted.</summary>
    public bool IsComplete => _calls > 0 && !_request.AllowsSeveralCalls;

    /// <summary>Takes a piece; null when nothing of it can be shown yet.</summary>
    public ChatResponseUpdate? Add(GenerationUpdate piece)
    {
        if (piece.TokenId is not null)
        {
            _tokens++;
            _reasoningTokens += _parser.IsInReasoning ? 1 : 0;
        }
        _text?.Append(piece.Text);
        _parts.Clear();
        if (piece.Text.Length > 0)
        {
            _parser.Append(piece.Text, _parts);
        }
        if (piece.FinishReason is not null)
        {
            _parser.Complete(_parts);
        }
        var contents = Contents();
        if (contents is null && piece.LogProbabilities is null)
        {
            return null;
        }
        var update = NewUpdate(contents ?? []);
        if (piece.LogProbabilities is { } probabilities)
        {
            update.AdditionalProperties = new() { [LogProbabilitiesKey] = probabilities };
        }
        return update;
    }

    /// <summary>The last update: why it ended, and what it took.</summary>
    /// <param name="reason">Why the engine ended; null when the answer was complete before.
    /// </param>
    /// <param name="statistics">The engine's counts, with the end token; null as above.</param>
    /// <param name="promptTokens">Tokens of the prompt.</param>
    /// <param name="cachedTokens">How many of them did not have to run.</param>
    public ChatResponseUpdate Finish(
        FinishReason? reason, GenerationStatistics? statistics, int promptTokens,
        int cachedTokens)
    {
        int output = statistics?.GeneratedTokens ?? _tokens;
        var update = NewUpdate([new UsageContent(new UsageDetails
        {
            InputTokenCount = promptTokens,
            OutputTokenCount = output,
            TotalTokenCount = (long)promptTokens + output,
            CachedInputTokenCount = cachedTokens,
            ReasoningTokenCount = _reasoningTokens,
        })]);
        update.FinishReason = reason is FinishReason.MaxTokens or FinishReason.ContextFull
            ? ChatFinishReason.Length
            : _calls > 0 ? ChatFinishReason.ToolCalls : ChatFinishReason.Stop;
        update.RawRepresentation = statistics;
        if (_request.IgnoredOptions.Count > 0)
        {
            update.AdditionalProperties = new() { [IgnoredOptionsKey] = _request.IgnoredOptions };
        }
        if (_text is not null)
        {
            MetalMoeLog.Answer(_logger, _text.ToString());
        }
        return update;
    }

    private ChatResponseUpdate NewUpdate(IList<AIContent> contents) =>
        new(ChatRole.Assistant, contents)
        {
            ResponseId = _id,
            MessageId = _id,
            ModelId = _modelId,
            CreatedAt = _created,
        };

    private List<AIContent>? Contents()
    {
        List<AIContent>? contents = null;
        foreach (var part in _parts)
        {
            if (IsComplete)
            {
                break;
            }
            switch (part.Kind)
            {
                case ChatOutputKind.Reasoning when !_request.ShowsReasoning:
                    break;
                case ChatOutputKind.Reasoning:
                    (contents ??= new(1)).Add(new TextReasoningContent(part.Text));
                    break;
                case ChatOutputKind.Text:
                    (contents ??= new(1)).Add(new TextContent(part.Text));
                    break;
                case ChatOutputKind.ToolCall:
                    _calls++;
                    (contents ??= new(1)).Add(Call(part));
                    break;
                default:
                    MetalMoeLog.MalformedToolCall(_logger);
                    contents ??= new(2);
                    contents.Add(new TextContent(part.Text));
                    contents.Add(new ErrorContent(part.Error)
                    {
                        ErrorCode = "malformed_tool_call",
                        Details = part.Text,
                    });
                    break;
            }
        }
        return contents;
    }

    private static FunctionCallContent Call(ChatOutputPart part)
    {
        var call = part.ToolCall!;
        var arguments = new Dictionary<string, object?>(StringComparer.Ordinal);
        foreach (var argument in call.Arguments.EnumerateObject())
        {
            arguments[argument.Name] = argument.Value;
        }
        return new FunctionCallContent($"call_{Guid.NewGuid():N}", call.Name, arguments)
        {
            Exception = call.Error is null ? null : new MetalMoeException(call.Error),
            RawRepresentation = call,
        };
    }
}
