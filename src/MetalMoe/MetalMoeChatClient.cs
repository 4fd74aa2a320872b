using System.Runtime.CompilerServices;
using MetalMoe.Chat;
using MetalMoe.Core;
using MetalMoe.Telemetry;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace MetalMoe;

/// <summary>
/// A model as an <see cref="IChatClient"/>. Stateless and thread-safe: each request states its
/// whole conversation, and what earlier requests have already run of it is not run again.
/// </summary>
/// <remarks>
/// <para>
/// Thoughts come as <see cref="TextReasoningContent"/>, calls of tools as
/// <see cref="FunctionCallContent"/> with arguments typed by the tool's schema. What began as a
/// call and is none comes as its text and an <see cref="ErrorContent"/> behind it. The usage
/// counts input, cached and output tokens, those of thoughts among them.
/// </para>
/// <para>
/// <see cref="ChatOptions"/>: <c>Instructions, Temperature, TopP, TopK, FrequencyPenalty,
/// PresencePenalty, Seed, MaxOutputTokens, StopSequences, ResponseFormat, Tools, ToolMode,
/// AllowMultipleToolCalls, Reasoning</c>, a <c>RawRepresentationFactory</c> that makes
/// <see cref="GenerationOptions"/>, and of <c>AdditionalProperties</c> <c>enable_thinking, min_p,
/// repetition_penalty, top_logprobs, grammar</c> (GBNF text or a
/// <see cref="Core.Text.Grammar.TextGrammar"/>). Everything else has no effect and is named in a
/// warning and in the last update's additional property <c>ignored_options</c>.
/// </para>
/// </remarks>
public sealed class MetalMoeChatClient : IChatClient, IAsyncDisposable
{
    private const string ThinkClose = "</think>";

    // A step of its own has to pay.
    private const int LeastInstructions = 32;

    private readonly MoeModel _model;
    private readonly MetalMoeChatClientOptions _options;
    private readonly ILogger _logger;
    private readonly ChatClientMetadata _metadata;
    private readonly ChatRequestMapper _mapper;
    private readonly ChatSessionPool _sessions;
    private readonly string _modelId;
    private int _isDisposed;

    /// <summary>A client of a loaded model.</summary>
    /// <param name="model">The model; the client opens sessions of it when it needs them.</param>
    /// <param name="options">How it works; null for the defaults.</param>
    /// <param name="logger">Gets messages, without the text of conversations.</param>
    /// <exception cref="MetalMoeException">An option is out of its range.</exception>
    public MetalMoeChatClient(
        MoeModel model, MetalMoeChatClientOptions? options = null,
        ILogger<MetalMoeChatClient>? logger = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        _model = model;
        _options = options ?? new MetalMoeChatClientOptions();
        _options.Validate();
        _logger = logger ?? NullLogger<MetalMoeChatClient>.Instance;
        _modelId = _options.ModelId ?? model.Name;
        _metadata = new ChatClientMetadata(MetalMoeTelemetry.Provider, null, _modelId);
        _mapper = new ChatRequestMapper(_options, _modelId, new ChatGrammars());
        _sessions = new ChatSessionPool(model, _options.MaxSessions == 0
            ? model.MaxSessions : Math.Min(_options.MaxSessions, model.MaxSessions));
    }

    /// <summary>Answers a conversation.</summary>
    /// <exception cref="MetalMoeException">A message or an option is not possible, or the
    /// conversation is longer than the context.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public async Task<ChatResponse> GetResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        var updates = new List<ChatResponseUpdate>();
        await foreach (var update in GetStreamingResponseAsync(
            messages, options, cancellationToken).ConfigureAwait(false))
        {
            updates.Add(update);
        }
        var response = updates.ToChatResponse();
        response.RawRepresentation = updates[^1].RawRepresentation;
        response.AdditionalProperties = updates[^1].AdditionalProperties;
        return response;
    }

    /// <summary>Answers a conversation piece by piece.</summary>
    /// <inheritdoc cref="GetResponseAsync"/>
    public IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(messages);
        ObjectDisposedException.ThrowIf(_isDisposed != 0, this);
        return ObserveAsync(messages, options, cancellationToken);
    }

    /// <summary>This client, its metadata or its model.</summary>
    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        return serviceKey is not null ? null
            : serviceType == typeof(ChatClientMetadata) ? _metadata
            : serviceType.IsInstanceOfType(this) ? this
            : serviceType.IsInstanceOfType(_model) ? _model
            : null;
    }

    /// <summary>Closes the client's sessions, and the model if it owns it. Running requests end
    /// first unless the model is disposed.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) == 0)
        {
            _sessions.Dispose();
            if (_options.OwnsModel)
            {
                _model.Dispose();
            }
        }
    }

    /// <summary>As <see cref="Dispose"/>, off the caller's thread.</summary>
    public ValueTask DisposeAsync() => new(Task.Run(Dispose));

    /// <summary>Runs the request, and tells the span, the metrics and the log how it went.
    /// </summary>
    private async IAsyncEnumerable<ChatResponseUpdate> ObserveAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var trace = new ChatTrace(_modelId);
        var updates = RunAsync(messages, options, trace, cancellationToken)
            .GetAsyncEnumerator(cancellationToken);
        await using var disposing = updates.ConfigureAwait(false);
        while (true)
        {
            try
            {
                if (!await updates.MoveNextAsync().ConfigureAwait(false))
                {
                    break;
                }
            }
            catch (OperationCanceledException error)
            {
                trace.SetError(error);
                MetalMoeLog.ChatCancelled(_logger, (long)trace.Elapsed.TotalMilliseconds);
                throw;
            }
            catch (Exception error)
            {
                trace.SetError(error);
                MetalMoeLog.ChatFailed(_logger, error);
                throw;
            }
            yield return updates.Current;
        }
    }

    private async IAsyncEnumerable<ChatResponseUpdate> RunAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options, ChatTrace trace,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var request = _mapper.Map(messages, options, this);
        trace.SetRequest(request);
        if (request.IgnoredOptions.Count > 0)
        {
            MetalMoeLog.OptionsIgnored(_logger, string.Join(", ", request.IgnoredOptions));
        }
        var prompt = _model.Text.CreateChatPrompt(request.Messages, request.Template);
        if (_options.LogContent)
        {
            MetalMoeLog.Prompt(_logger, prompt.Text);
        }
        var session = await _sessions.RentAsync(prompt.Tokens, cancellationToken)
            .ConfigureAwait(false);
        try
        {
            int cached = await PrepareAsync(session, request, prompt, cancellationToken)
                .ConfigureAwait(false);
            var answer = new ChatAnswer(request, prompt, _modelId, _logger, _options.LogContent);
            FinishReason? reason = null;
            GenerationStatistics? statistics = null;
            await foreach (var piece in session.GenerateAsync(
                Generation(request, prompt), cancellationToken).ConfigureAwait(false))
            {
                (reason, statistics) = (piece.FinishReason, piece.Statistics);
                if (answer.Add(piece) is { } update)
                {
                    yield return update;
                }
                if (answer.IsComplete)
                {
                    break;
                }
            }
            yield return Finish(answer, reason, statistics, prompt, cached, trace);
        }
        finally
        {
            _sessions.Return(session);
        }
    }

    /// <summary>
    /// Gives the session the prompt, and runs it in parts that end where other prompts may differ:
    /// behind the instructions, where another conversation begins, and behind the messages, where
    /// the next turn of this one goes on. The starts of requests are places to come back to.
    /// </summary>
    private async Task<int> PrepareAsync(
        Session session, ChatRequest request, ChatPrompt prompt,
        CancellationToken cancellationToken)
    {
        int cached = session.SetTokens(prompt.Tokens);
        MetalMoeLog.ChatStarted(_logger, prompt.Tokens.Length, cached);
        int done = cached;
        // What was cached has such a place already.
        int instructions = cached == 0 ? CountInstructions(request, prompt) : 0;
        foreach (int end in (int[])[instructions, prompt.ConversationLength])
        {
            if (end > done && end < prompt.Tokens.Length)
            {
                await session.PrefillAsync(end - done, cancellationToken).ConfigureAwait(false);
                done = end;
            }
        }
        return cached;
    }

    /// <summary>How many tokens come before the first words of the conversation; 0 when they are
    /// too few to matter.</summary>
    private int CountInstructions(ChatRequest request, ChatPrompt prompt)
    {
        int system = request.Messages[0].Role == "system" ? 1 : 0;
        if (system == 0 && request.Template.Tools.Count == 0)
        {
            return 0;
        }
        try
        {
            var other = _model.Text.CreateChatPrompt(
                [.. request.Messages.Take(system), new("user", "?")], request.Template);
            int common = prompt.Tokens.AsSpan().CommonPrefixLength(other.Tokens);
            return common >= LeastInstructions ? common : 0;
        }
        catch (MetalMoeException)
        {
            // The template wants more than one message, and the place is not worth an error.
            return 0;
        }
    }

    private static GenerationOptions Generation(ChatRequest request, ChatPrompt prompt) =>
        request.HasGrammar && request.Generation.GrammarAfter is null && prompt.StartsInReasoning
            ? request.Generation with { GrammarAfter = ThinkClose } : request.Generation;

    private ChatResponseUpdate Finish(
        ChatAnswer answer, FinishReason? reason, GenerationStatistics? statistics,
        ChatPrompt prompt, int cached, ChatTrace trace)
    {
        var last = answer.Finish(reason, statistics, prompt.Tokens.Length, cached);
        var usage = ((UsageContent)last.Contents[0]).Details;
        trace.SetResponse(usage, last.FinishReason!.Value);
        MetalMoeLog.ChatCompleted(_logger, usage.OutputTokenCount ?? 0,
            last.FinishReason.Value.Value, (long)trace.Elapsed.TotalMilliseconds);
        return last;
    }
}
