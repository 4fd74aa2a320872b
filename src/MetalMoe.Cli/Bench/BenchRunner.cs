using System.Diagnostics;
using System.Globalization;
using MetalMoe.Core;
using MetalMoe.Core.Gguf;
using MetalMoe.Core.Models;
using MetalMoe.Core.Runtime;

namespace MetalMoe.Cli.Bench;

/// <summary>Runs the tests of a benchmark one after another; each once unmeasured first.
/// </summary>
internal sealed class BenchRunner
{
    private readonly BenchOptions _options;
    private readonly Action<double, string>? _progress;
    private readonly int _totalRuns;
    private readonly CancellationToken _cancellation;
    private readonly Scheduler _scheduler;
    private readonly Sequence _sequence;
    private readonly IgnoreLogits _sink = new();
    private readonly int _threads;
    private ResidentMemory _peak;
    private int _runs;

    private BenchRunner(
        BenchOptions options, Scheduler scheduler, Action<double, string>? progress,
        CancellationToken cancellation)
    {
        _options = options;
        _scheduler = scheduler;
        _progress = progress;
        int tests = options.Prefill.Count + (options.Decode == 0 ? 0 : options.Depths.Count);
        _totalRuns = tests * (options.Repetitions + 1);
        _cancellation = cancellation;
        _sequence = scheduler.Open();
        _threads = options.Threads == 0 ? Environment.ProcessorCount : options.Threads;
        _peak = ResidentMemory.Now();
    }

    /// <summary>Opens the model and measures.</summary>
    /// <param name="options">What to measure.</param>
    /// <param name="progress">Gets the fraction done and what comes next.</param>
    /// <param name="warmProgress">Gets the fraction of the pages that are in memory.</param>
    /// <param name="cancellation">Stops inside a step.</param>
    /// <exception cref="MetalMoeException">The file or an option is wrong.</exception>
    public static BenchReport Run(
        BenchOptions options, Action<double, string>? progress, Action<double>? warmProgress,
        CancellationToken cancellation)
    {
        long start = Stopwatch.GetTimestamp();
        using GgufFile file = GgufFile.Open(options.ModelPath);
        LoadedModel model = ModelCatalog.Load(file);
        using IDevice device = DeviceCatalog.Open(options.Device, options.Threads);
        using var scheduler = new Scheduler(device.CreateExecutor(
            model.Plan, new ExecutorOptions
            {
                ContextLength = options.ContextLength,
                MaxBatchTokens = options.BatchTokens,
                MaxLogitsRows = 1,
                CacheFormat = options.CacheFormat,
            }));
        double loadSeconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        if (options.Warm)
        {
            MappingWarmer.Warm(file, warmProgress, cancellation);
        }
        var runner = new BenchRunner(options, scheduler, progress, cancellation);
        BenchRow[] rows = [.. runner.Rows()];
        return new BenchReport
        {
            Model = Path.GetFileName(options.ModelPath),
            FileBytes = file.FileBytes,
            Device = $"{device.Name}: {device.Description}",
            CacheFormat = Numbers.Name(options.CacheFormat),
            BatchTokens = options.BatchTokens,
            LoadSeconds = loadSeconds,
            Peak = runner._peak,
            Rows = rows,
        };
    }

    private IEnumerable<BenchRow> Rows()
    {
        foreach (int length in _options.Prefill)
        {
            yield return Prefill(length);
        }
        if (_options.Decode == 0)
        {
            yield break;
        }
        foreach (int depth in _options.Depths)
        {
            yield return Decode(depth);
        }
    }

    private BenchRow Prefill(int length)
    {
        int[] tokens = Tokens(length);
        StepTraffic traffic = StepTraffic.OfPrefill(_scheduler.Executor, length) / length;
        string name = string.Create(CultureInfo.InvariantCulture, $"pp{length}");
        return Measure(
            name, length, traffic, _sequence.Reset, () => Append(tokens, wantsLogits: true));
    }

    private BenchRow Decode(int depth)
    {
        int count = _options.Decode;
        int[] tokens = Tokens(depth + count);
        StepTraffic traffic = StepTraffic.OfDecode(_scheduler.Executor, depth, count);
        string suffix = depth == 0
            ? "" : string.Create(CultureInfo.InvariantCulture, $"@d{depth}");
        string name = string.Create(CultureInfo.InvariantCulture, $"tg{count}{suffix}");
        _sequence.Reset();
        if (depth > 0)
        {
            Append(tokens.AsSpan(0, depth), wantsLogits: false);
        }
        SequenceCheckpoint filled = _sequence.Save();
        return Measure(name, count, traffic, () => _sequence.Restore(filled), () =>
        {
            for (int i = depth; i < depth + count; i++)
            {
                Append(tokens.AsSpan(i, 1), wantsLogits: true);
            }
        });
    }

    private BenchRow Measure(
        string name, int tokens, StepTraffic perToken, Action prepare, Action timed)
    {
        double bandwidth = BandwidthProbe.Measure(_threads, _options.ProbeByteCount);
        // After the probe, which leaves nothing of the model in the caches.
        Report($"{name} warm-up");
        long begin = Stopwatch.GetTimestamp();
        do
        {
            prepare();
            timed();
        }
        while (Stopwatch.GetElapsedTime(begin) < _options.WarmUp);
        var samples = new double[_options.Repetitions];
        for (int i = 0; i < samples.Length; i++)
        {
            Report(name);
            prepare();
            long start = Stopwatch.GetTimestamp();
            timed();
            samples[i] = tokens / Stopwatch.GetElapsedTime(start).TotalSeconds;
            _peak = _peak.Max(ResidentMemory.Now());
        }
        Spread tps = Spread.Of(samples);
        double gbps = perToken.TotalBytes * tps.Median / 1e9;
        return new BenchRow
        {
            Test = name,
            TpsMedian = tps.Median,
            TpsMin = tps.Min,
            TpsMax = tps.Max,
            Gbps = gbps,
            BandwidthPercent = 100 * gbps / bandwidth,
            BandwidthGbps = bandwidth,
            BytesPerToken = perToken.TotalBytes,
            WeightBytesPerToken = perToken.WeightBytes,
            CacheBytesPerToken = perToken.CacheBytes,
            StateBytesPerToken = perToken.StateBytes,
            Samples = samples,
        };
    }

    private void Report(string next)
    {
        _progress?.Invoke((double)_runs / _totalRuns, next);
        _runs++;
    }

    private int[] Tokens(int count) =>
        RandomTokens.Create(count, _scheduler.Executor.Plan.VocabularySize, _options.Seed);

    private void Append(ReadOnlySpan<int> tokens, bool wantsLogits)
    {
        _sequence.Append(
            tokens, wantsLogits ? LogitsMode.Last : LogitsMode.None, wantsLogits ? _sink : null);
        while (_scheduler.Step(_cancellation))
        {
        }
    }

    private sealed class IgnoreLogits : ILogitsSink
    {
        public void OnLogits(int position, ReadOnlySpan<float> logits)
        {
        }
    }
}
