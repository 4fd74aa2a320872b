using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace MetalMoe.Telemetry;

/// <summary>
/// The instruments of this library: one <see cref="Meter"/> and one <see cref="ActivitySource"/>,
/// both named <see cref="Name"/>. Names, units and attributes are those of OpenTelemetry's
/// semantic conventions for generative AI where these have one; ours begin with <c>metalmoe</c>.
/// </summary>
public static class MetalMoeTelemetry
{
    /// <summary>Name of the meter and of the activity source.</summary>
    public const string Name = "MetalMoe";

    internal const string Provider = "metalmoe";
    internal const string OperationTag = "gen_ai.operation.name";
    internal const string ProviderTag = "gen_ai.provider.name";
    internal const string RequestModelTag = "gen_ai.request.model";
    internal const string ResponseModelTag = "gen_ai.response.model";
    internal const string TokenTypeTag = "gen_ai.token.type";
    internal const string ErrorTag = "error.type";
    internal const string DeviceTag = "metalmoe.device";

    private static readonly Meter _meter = new(Name);

    private static readonly ConcurrentDictionary<EngineMetrics, bool> _engines = new();

    private static readonly double[] _seconds =
        [.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 25, 60, 120, 300];

    internal static ActivitySource Activities { get; } = new(Name);

    internal static Histogram<long> TokenUsage { get; } = _meter.CreateHistogram(
        "gen_ai.client.token.usage", "{token}", "Tokens of a request, by type",
        advice: new InstrumentAdvice<long>
        {
            HistogramBucketBoundaries =
                [1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576],
        });

    internal static Histogram<double> OperationDuration { get; } = Seconds(
        "gen_ai.client.operation.duration", "Duration of a chat request, waiting included");

    internal static Histogram<double> RequestDuration { get; } = Seconds(
        "gen_ai.server.request.duration", "Duration of a generation in the engine");

    internal static Histogram<double> TimeToFirstToken { get; } = Seconds(
        "gen_ai.server.time_to_first_token", "From the start of a generation to its first token");

    internal static Histogram<double> TimePerOutputToken { get; } = Seconds(
        "gen_ai.server.time_per_output_token", "Mean time of the tokens after the first one");

    internal static Counter<long> CachedTokens { get; } = _meter.CreateCounter<long>(
        "metalmoe.cached_tokens", "{token}", "Prompt tokens that did not have to run again");

    internal static Counter<double> DeviceTime { get; } = _meter.CreateCounter<double>(
        "metalmoe.device.time", "ms", "Time the device ran steps");

    internal static Counter<long> DeviceSteps { get; } = _meter.CreateCounter<long>(
        "metalmoe.device.steps", "{step}", "Steps the device ran");

    internal static Counter<long> DeviceTokens { get; } = _meter.CreateCounter<long>(
        "metalmoe.device.tokens", "{token}", "Tokens that went through the device");

    // Observed and not counted: who begins to listen late sees what is loaded all the same.
    private static readonly ObservableUpDownCounter<long> _memory =
        _meter.CreateObservableUpDownCounter(
            "metalmoe.memory", () => _engines.Keys.SelectMany(engine => engine.Memory), "By",
            "Bytes of loaded models, by what they hold");

    private static Histogram<double> Seconds(string name, string description) =>
        _meter.CreateHistogram(name, "s", description, advice: new InstrumentAdvice<double>
        {
            HistogramBucketBoundaries = _seconds,
        });

    /// <summary>An engine has begun to work.</summary>
    internal static void Open(EngineMetrics engine) => _engines.TryAdd(engine, true);

    /// <summary>An engine has ended.</summary>
    internal static void Close(EngineMetrics engine) => _engines.TryRemove(engine, out _);
}
