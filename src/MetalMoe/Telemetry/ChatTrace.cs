using System.Diagnostics;
using MetalMoe.Chat;
using Microsoft.Extensions.AI;

namespace MetalMoe.Telemetry;

/// <summary>Span and metrics of one chat request.</summary>
internal sealed class ChatTrace : IDisposable
{
    private readonly long _start = Stopwatch.GetTimestamp();
    private readonly Activity? _activity;
    private readonly string _model;
    private string? _error;
    private bool _isDisposed;

    public ChatTrace(string model)
    {
        _model = model;
        _activity = MetalMoeTelemetry.Activities.StartActivity($"chat {model}");
        _activity?.SetTag(MetalMoeTelemetry.OperationTag, "chat")
            .SetTag(MetalMoeTelemetry.ProviderTag, MetalMoeTelemetry.Provider)
            .SetTag(MetalMoeTelemetry.RequestModelTag, model);
    }

    /// <summary>Time since the request came in.</summary>
    public TimeSpan Elapsed => Stopwatch.GetElapsedTime(_start);

    /// <summary>Notes what was asked for; never what was said.</summary>
    public void SetRequest(ChatRequest request)
    {
        if (_activity is { IsAllDataRequested: true })
        {
            var generation = request.Generation;
            var sampling = generation.Sampling;
            _activity.SetTag("gen_ai.request.temperature", (double)sampling.Temperature)
                .SetTag("gen_ai.request.top_p", (double)sampling.TopP)
                .SetTag("gen_ai.request.top_k", sampling.TopK)
                .SetTag("gen_ai.request.frequency_penalty", (double)sampling.FrequencyPenalty)
                .SetTag("gen_ai.request.presence_penalty", (double)sampling.PresencePenalty)
                .SetTag("gen_ai.request.seed", unchecked((long)sampling.Seed));
            if (generation.MaxTokens < int.MaxValue)
            {
                _activity.SetTag("gen_ai.request.max_tokens", generation.MaxTokens);
            }
        }
    }

    /// <summary>Notes what the answer took.</summary>
    public void SetResponse(UsageDetails usage, ChatFinishReason reason)
    {
        _activity?.SetTag(MetalMoeTelemetry.ResponseModelTag, _model)
            .SetTag("gen_ai.usage.input_tokens", usage.InputTokenCount)
            .SetTag("gen_ai.usage.output_tokens", usage.OutputTokenCount)
            .SetTag("gen_ai.usage.cache_read.input_tokens", usage.CachedInputTokenCount)
            .SetTag("gen_ai.response.finish_reasons", (string[])[reason.Value]);
        Record("input", usage.InputTokenCount);
        Record("output", usage.OutputTokenCount);
        MetalMoeTelemetry.CachedTokens.Add(usage.CachedInputTokenCount ?? 0,
            new KeyValuePair<string, object?>(MetalMoeTelemetry.RequestModelTag, _model));

        void Record(string type, long? count)
        {
            var tags = Tags();
            tags.Add(MetalMoeTelemetry.TokenTypeTag, type);
            MetalMoeTelemetry.TokenUsage.Record(count ?? 0, tags);
        }
    }

    /// <summary>Notes that the request failed or was cancelled.</summary>
    public void SetError(Exception error)
    {
        _error = error.GetType().FullName;
        _activity?.SetStatus(ActivityStatusCode.Error)
            .SetTag(MetalMoeTelemetry.ErrorTag, _error);
    }

    /// <summary>Ends the span; whatever was not an error is a success.</summary>
    public void Dispose()
    {
        if (_isDisposed)
        {
            return;
        }
        _isDisposed = true;
        var tags = Tags();
        if (_error is not null)
        {
            tags.Add(MetalMoeTelemetry.ErrorTag, _error);
        }
        MetalMoeTelemetry.OperationDuration.Record(Elapsed.TotalSeconds, tags);
        _activity?.Dispose();
    }

    private TagList Tags() => new()
    {
        { MetalMoeTelemetry.OperationTag, "chat" },
        { MetalMoeTelemetry.ProviderTag, MetalMoeTelemetry.Provider },
        { MetalMoeTelemetry.RequestModelTag, _model },
        { MetalMoeTelemetry.ResponseModelTag, _model },
    };
}
