using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace MetalMoe.Telemetry;

/// <summary>Counts what the engine of one model does. Adding to a counter that nobody listens to
/// costs next to nothing, and allocates nothing either way.</summary>
internal sealed class EngineMetrics
{
    private readonly KeyValuePair<string, object?> _model;
    private readonly KeyValuePair<string, object?> _device;

    public EngineMetrics(string model, string device, params (string Kind, long Bytes)[] memory)
    {
        _model = new(MetalMoeTelemetry.RequestModelTag, model);
        _device = new(MetalMoeTelemetry.DeviceTag, device);
        Memory = [.. memory.Select(part => new Measurement<long>(
            part.Bytes, _model, new("metalmoe.memory.kind", part.Kind)))];
        MetalMoeTelemetry.Open(this);
    }

    /// <summary>Bytes the model holds.</summary>
    public Measurement<long>[] Memory { get; }

    /// <summary>The model is gone.</summary>
    public void Close() => MetalMoeTelemetry.Close(this);

    /// <summary>A step has run.</summary>
    /// <param name="start">Time stamp of its beginning.</param>
    /// <param name="tokens">Tokens in it.</param>
    public void CountStep(long start, int tokens)
    {
        MetalMoeTelemetry.DeviceTime.Add(
            Stopwatch.GetElapsedTime(start).TotalMilliseconds, _model, _device);
        MetalMoeTelemetry.DeviceSteps.Add(1, _model, _device);
        MetalMoeTelemetry.DeviceTokens.Add(tokens, _model, _device);
    }

    /// <summary>A generation has ended by itself.</summary>
    public void CountGeneration(string operation, GenerationStatistics statistics)
    {
        KeyValuePair<string, object?> name = new(MetalMoeTelemetry.OperationTag, operation);
        KeyValuePair<string, object?> provider =
            new(MetalMoeTelemetry.ProviderTag, MetalMoeTelemetry.Provider);
        var (first, rest) = (statistics.PrefillTime, statistics.DecodeTime);
        MetalMoeTelemetry.TimeToFirstToken.Record(first.TotalSeconds, name, provider, _model);
        MetalMoeTelemetry.RequestDuration.Record(
            (first + rest).TotalSeconds, name, provider, _model);
        if (statistics.GeneratedTokens > 1)
        {
            MetalMoeTelemetry.TimePerOutputToken.Record(
                rest.TotalSeconds / (statistics.GeneratedTokens - 1), name, provider, _model);
        }
    }
}
