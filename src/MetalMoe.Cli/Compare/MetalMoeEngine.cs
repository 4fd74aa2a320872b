using System.Diagnostics;
using System.Globalization;
using MetalMoe.Cli.Bench;
using MetalMoe.Core;
using MetalMoe.Core.Gguf;
using MetalMoe.Core.Models;
using MetalMoe.Core.Runtime;

namespace MetalMoe.Cli.Compare;

/// <summary>This engine, as a user of the library would drive it.</summary>
internal sealed class MetalMoeEngine : IComparedEngine, ILogitsSink
{
    private readonly GgufFile _file;
    private readonly IDevice? _device;
    private readonly Scheduler? _scheduler;
    private readonly Sequence? _sequence;
    private readonly float[] _logits;

    /// <summary>Loads the model.</summary>
    /// <exception cref="MetalMoeException">The file or the settings are wrong.</exception>
    public MetalMoeEngine(EngineSettings settings, string device, int batchTokens)
    {
        long start = Stopwatch.GetTimestamp();
        _file = GgufFile.Open(settings.ModelPath);
        try
        {
            LoadedModel model = ModelCatalog.Load(_file);
            _device = DeviceCatalog.Open(device, settings.Threads);
            _scheduler = new Scheduler(_device.CreateExecutor(model.Plan, new ExecutorOptions
            {
                ContextLength = settings.ContextLength,
                MaxBatchTokens = batchTokens,
                MaxLogitsRows = 1,
                CacheFormat = settings.CacheFormat,
            }));
            _sequence = _scheduler.Open();
            _logits = new float[model.Plan.VocabularySize];
        }
        catch
        {
            Dispose();
            throw;
        }
        LoadSeconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        Settings = string.Create(
            CultureInfo.InvariantCulture,
            $"{_device.Name}: {_device.Description}, cache {Numbers.Name(settings.CacheFormat)}, "
            + $"batch {batchTokens}");
    }

    /// <inheritdoc/>
    public string Name => "MetalMoe";

    /// <inheritdoc/>
    public string Version =>
        typeof(MetalMoeEngine).Assembly.GetName().Version?.ToString(3) ?? "0";

    /// <inheritdoc/>
    public string Settings { get; }

    /// <inheritdoc/>
    public double LoadSeconds { get; }

    /// <inheritdoc/>
    public int VocabularySize => _logits.Length;

    /// <inheritdoc/>
    public ReadOnlySpan<float> Logits => _logits;

    /// <inheritdoc/>
    public void Reset() => _sequence!.Reset();

    /// <inheritdoc/>
    public void Append(ReadOnlySpan<int> tokens, CancellationToken cancellationToken)
    {
        _sequence!.Append(tokens, LogitsMode.Last, this);
        while (_scheduler!.Step(cancellationToken))
        {
        }
    }

    /// <summary>Keeps the logits of the last token: the executor's are gone with the next step.
    /// </summary>
    public void OnLogits(int position, ReadOnlySpan<float> logits) => logits.CopyTo(_logits);

    /// <inheritdoc/>
    public void Dispose()
    {
        _sequence?.Dispose();
        _scheduler?.Dispose();
        _device?.Dispose();
        _file.Dispose();
    }
}
