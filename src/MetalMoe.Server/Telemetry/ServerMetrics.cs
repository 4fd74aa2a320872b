using System.Diagnostics;
using System.Diagnostics.Metrics;
using MetalMoe.Server.Inference;

namespace MetalMoe.Server.Telemetry;

/// <summary>What the server counts. What the engine does for its requests is counted by the
/// library's own meter.</summary>
internal sealed class ServerMetrics : IDisposable
{
    public const string MeterName = "MetalMoe.Server";

    /// <summary>One span for each request.</summary>
    public static ActivitySource Activities { get; } = new(MeterName);

    private static readonly double[] Seconds =
        [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250];

    private readonly Counter<long> _requests;
    private readonly Counter<long> _tokens;
    private readonly Histogram<double> _requestDuration;
    private readonly Histogram<double> _timeToFirstToken;
    private readonly KeyValuePair<string, object?> _model;

    public ServerMetrics(string modelName)
    {
        _model = new("gen_ai.request.model", modelName);
        _requests = Meter.CreateCounter<long>(
            "metalmoe.server.requests", null, "Requests by address and status.");
        _tokens = Meter.CreateCounter<long>(
            "metalmoe.server.tokens", null, "Tokens by kind: prompt, cached, generated.");
        _requestDuration = Create(
            "http.server.request.duration", "From a request to the end of its answer.", Seconds);
        _timeToFirstToken = Create(
            "metalmoe.server.time_to_first_token",
            "From a request to its first token, waiting included.", Seconds);
    }

    /// <summary>This server's own meter: two servers of one process do not count each other's.
    /// </summary>
    public Meter Meter { get; } = new(MeterName);

    /// <summary>Shows how full the server is.</summary>
    public void Watch(SessionPool pool)
    {
        Meter.CreateObservableGauge("metalmoe.server.active_requests",
            () => pool.ActiveCount, null, "Requests that hold a session.");
        Meter.CreateObservableGauge("metalmoe.server.waiting_requests",
            () => pool.WaitingCount, null, "Requests that wait for a session.");
    }

    public void Answered(string route, int status, TimeSpan duration)
    {
        var tags = new TagList { { "http.route", route }, { "http.response.status_code", status } };
        _requests.Add(1, tags);
        _requestDuration.Record(duration.TotalSeconds, tags);
    }

    public void FirstToken(TimeSpan duration) =>
        _timeToFirstToken.Record(duration.TotalSeconds, _model);

    public void Generated(AnswerEnd end)
    {
        _tokens.Add(end.PromptTokens - end.CachedTokens, new("kind", "prompt"), _model);
        _tokens.Add(end.CachedTokens, new("kind", "cached"), _model);
        _tokens.Add(end.GeneratedTokens, new("kind", "generated"), _model);
    }

    public void Dispose() => Meter.Dispose();

    private Histogram<double> Create(string name, string description, double[] bounds) =>
        Meter.CreateHistogram<double>(name, "s", description, null,
            new InstrumentAdvice<double> { HistogramBucketBoundaries = bounds });
}
