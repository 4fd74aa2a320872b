using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Threading.Channels;
using MetalMoe.Core.Runtime;
using MetalMoe.Core.Runtime.Sampling;
using MetalMoe.Telemetry;

namespace MetalMoe.Engine;

/// <summary>Runs the waiting tokens, then samples and runs one token after the other.</summary>
internal sealed class GenerationRequest : EngineRequest, ILogitsSink
{
    private readonly Channel<GenerationUpdate> _updates =
        Channel.CreateUnbounded<GenerationUpdate>(
            new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });

    private readonly GenerationOptions _options;
    private readonly TextDecoder _decoder;
    private readonly StopStringFilter _stops;
    private readonly Sampler _sampler;
    private readonly GrammarMask? _mask;
    private readonly EngineMetrics _metrics;
    private readonly int _contextLength;
    private int _promptTokens;
    private int _running;
    private int _generated;
    private int _sampled;
    private TokenLogProbabilities? _logProbabilities;
    private long _startTime;
    private long _firstTime;
    private long _lastTime;
    private Exception? _error;

    public GenerationRequest(
        SessionState state, GenerationOptions options, ModelText text, int vocabularySize,
        int contextLength, GrammarMask? mask, EngineMetrics metrics, CancellationToken token)
        : base(state, token)
    {
        _metrics = metrics;
        _options = options;
        _decoder = new TextDecoder(text, options);
        _stops = new StopStringFilter(options.StopStrings);
        _sampler = new Sampler(options.Sampling, vocabularySize);
        _contextLength = contextLength;
        _mask = mask;
    }

    public ChannelReader<GenerationUpdate> Updates => _updates.Reader;

    public override bool CanAbandonStep => _generated == 0;

    public override void Start()
    {
        if (State.Waiting.Count == 0)
        {
            throw new InvalidOperationException(
                "[generate] nothing to answer: append text or tokens first");
        }
        foreach (int token in State.Ran)
        {
            _sampler.Accept(token);
        }
        foreach (int token in State.Waiting)
        {
            _sampler.Accept(token);
        }
        State.Mark();
        _promptTokens = State.Waiting.Count;
        _startTime = Stopwatch.GetTimestamp();
    }

    public override void BeforeStep()
    {
        if (State.Sequence.PendingCount == 0)
        {
            _running = State.Waiting.Count;
            if (_running == 1)
            {
                State.Sequence.Append([State.Waiting[0]], LogitsMode.Last, this);
            }
            else
            {
                State.Sequence.Append([.. State.Waiting], LogitsMode.Last, this);
            }
        }
    }

    [SuppressMessage("Design", "CA1031", Justification = "The error goes to the caller.")]
    public void OnLogits(int position, ReadOnlySpan<float> logits)
    {
        try
        {
            _sampled = _mask is null
                ? _sampler.Sample(logits) : _sampler.Sample(logits, _mask.Allowed);
            _logProbabilities = _options.TopLogProbabilities is { } count
                ? TokenLogProbabilities.Of(logits, _sampled, count) : null;
        }
        catch (Exception error)
        {
            // The step of other sessions must not fail with it.
            _error = error;
        }
    }

    public override bool Advance()
    {
        if (State.Sequence.PendingCount > 0)
        {
            return false;
        }
        State.MarkRun(_running);
        if (_error is not null)
        {
            throw _error;
        }
        int token = _sampled;
        _sampler.Accept(token);
        _mask?.Accept(token);
        _generated++;
        _lastTime = Stopwatch.GetTimestamp();
        _firstTime = _generated == 1 ? _lastTime : _firstTime;
        State.Append([token]);
        if (_decoder.IsEnd(token))
        {
            return End(FinishReason.EndToken);
        }
        string text = _stops.Append(_decoder.Append(token));
        _updates.Writer.TryWrite(new GenerationUpdate(token, text, null, null)
        {
            LogProbabilities = _logProbabilities,
        });
        return _stops.IsStopped ? End(FinishReason.StopString)
            : _generated >= _options.MaxTokens ? End(FinishReason.MaxTokens)
            : State.Ran.Count >= _contextLength && End(FinishReason.ContextFull);
    }

    protected override void Finish(Exception? error) => _updates.Writer.TryComplete(error);

    private bool End(FinishReason reason)
    {
        string rest = _stops.Append(_decoder.Flush()) + _stops.Flush();
        reason = _stops.IsStopped ? FinishReason.StopString : reason;
        var statistics = new GenerationStatistics
        {
            PromptTokens = _promptTokens,
            GeneratedTokens = _generated,
            PrefillTime = Stopwatch.GetElapsedTime(_startTime, _firstTime),
            DecodeTime = Stopwatch.GetElapsedTime(_firstTime, _lastTime),
        };
        _metrics.CountGeneration(_options.OperationName, statistics);
        _updates.Writer.TryWrite(new GenerationUpdate(null, rest, reason, statistics));
        return true;
    }
}
