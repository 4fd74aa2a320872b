using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using MetalMoe.Cli.Bench;
using MetalMoe.Core;

namespace MetalMoe.Cli.Compare;

/// <summary>
/// Runs two engines in turn on the same tokens. Both are loaded once (the mapped file is in
/// memory once) and run once untimed; then A B A B, each waiting until the other is asleep, so
/// that what the machine does besides falls on both.
/// </summary>
internal sealed class Comparison
{
    private readonly CompareOptions _options;
    private readonly IComparedEngine _ours;
    private readonly IComparedEngine _peer;
    private readonly int[] _tokens;
    private readonly Action<double, string>? _progress;

    private Comparison(
        CompareOptions options, IComparedEngine ours, IComparedEngine peer,
        Action<double, string>? progress)
    {
        _options = options;
        _ours = ours;
        _peer = peer;
        _progress = progress;
        _tokens = RandomTokens.Create(
            options.Prefill + options.Decode, ours.VocabularySize, options.Seed);
    }

    /// <summary>Loads both engines and compares them.</summary>
    /// <param name="options">What to compare.</param>
    /// <param name="progress">Gets the fraction done and what comes next.</param>
    /// <param name="cancellation">Stops between two steps.</param>
    /// <exception cref="MetalMoeException">A file, a library or an option is wrong.</exception>
    public static CompareReport Run(
        CompareOptions options, Action<double, string>? progress, CancellationToken cancellation)
    {
        int context = options.ContextLength == 0 ? options.NeededContext : options.ContextLength;
        if (context < options.NeededContext)
        {
            throw new MetalMoeException(
                $"[compare] context: expected at least {options.NeededContext}, got {context}");
        }
        LlamaCppLibrary library = LlamaCppLibrary.Load(options.LlamaPath);
        var settings = new EngineSettings(
            options.ModelPath,
            options.Threads == 0 ? Environment.ProcessorCount : options.Threads,
            context, options.CacheFormat);
        progress?.Invoke(0, "loading");
        using var ours = new MetalMoeEngine(settings, options.Device, options.BatchTokens);
        using var peer = new LlamaCppEngine(library, settings, options.LlamaRepack);
        if (ours.VocabularySize != peer.VocabularySize)
        {
            throw new MetalMoeException(
                $"[compare] vocabulary: expected {ours.VocabularySize} tokens, got "
                + $"{peer.VocabularySize} from llama.cpp ({options.ModelPath})");
        }
        return new Comparison(options, ours, peer, progress).Run(settings.Threads, cancellation);
    }

    /// <summary>Compares two engines that are loaded.</summary>
    internal static IReadOnlyList<ComparedTest> Time(
        CompareOptions options, IComparedEngine ours, IComparedEngine peer,
        CancellationToken cancellation) =>
        new Comparison(options, ours, peer, progress: null).Time(cancellation);

    private CompareReport Run(int threads, CancellationToken cancellation)
    {
        IReadOnlyList<ComparedTest> tests = Time(cancellation);
        TokenParity? parity = null;
        if (_options.ParityPositions > 0)
        {
            Report(_options.Pairs + 1, "comparing the logits");
            parity = TokenParity.Measure(
                _ours, _peer, _tokens.AsSpan(0, _options.ParityPrompt),
                _options.ParityPositions, cancellation);
        }
        return new CompareReport
        {
            Model = Path.GetFileName(_options.ModelPath),
            FileBytes = new FileInfo(_options.ModelPath).Length,
            Machine = string.Create(
                CultureInfo.InvariantCulture,
                $"{ProcessorName()}, {threads} threads, {RuntimeInformation.OSDescription}, "
                + $"{RuntimeInformation.FrameworkDescription}"),
            Date = DateOnly.FromDateTime(DateTime.UtcNow),
            Ours = Describe(_ours),
            Peer = Describe(_peer),
            Tests = tests,
            Parity = parity,
            Mlx = MlxPeer.Measure(_options, cancellation),
        };
    }

    private List<ComparedTest> Time(CancellationToken cancellation)
    {
        foreach (IComparedEngine engine in (IComparedEngine[])[_ours, _peer])
        {
            Report(0, $"warming up {engine.Name}");
            long begin = Stopwatch.GetTimestamp();
            do
            {
                TimeOnce(engine, cancellation);
            }
            while (Stopwatch.GetElapsedTime(begin) < _options.WarmUp);
        }
        var ours = new (double Prefill, double Decode)[_options.Pairs];
        var peer = new (double Prefill, double Decode)[_options.Pairs];
        for (int i = 0; i < _options.Pairs; i++)
        {
            Report(i + 1, "pairs");
            ours[i] = TimeOnce(_ours, cancellation);
            peer[i] = TimeOnce(_peer, cancellation);
        }
        var tests = new List<ComparedTest>
        {
            new(string.Create(CultureInfo.InvariantCulture, $"pp{_options.Prefill}"),
                [.. ours.Select(t => t.Prefill)], [.. peer.Select(t => t.Prefill)]),
        };
        if (_options.Decode > 0)
        {
            tests.Add(new(string.Create(
                CultureInfo.InvariantCulture, $"tg{_options.Decode}@d{_options.Prefill}"),
                [.. ours.Select(t => t.Decode)], [.. peer.Select(t => t.Decode)]));
        }
        return tests;
    }

    /// <summary>Tokens per second of one prompt and of the tokens after it.</summary>
    private (double Prefill, double Decode) TimeOnce(
        IComparedEngine engine, CancellationToken cancellation)
    {
        engine.Reset();
        Quiescence.Wait();
        long start = Stopwatch.GetTimestamp();
        engine.Append(_tokens.AsSpan(0, _options.Prefill), cancellation);
        TimeSpan prefill = Stopwatch.GetElapsedTime(start);
        start = Stopwatch.GetTimestamp();
        for (int i = 0; i < _options.Decode; i++)
        {
            engine.Append(_tokens.AsSpan(_options.Prefill + i, 1), cancellation);
        }
        TimeSpan decode = Stopwatch.GetElapsedTime(start);
        return (_options.Prefill / prefill.TotalSeconds, _options.Decode / decode.TotalSeconds);
    }

    private void Report(int part, string next) =>
        _progress?.Invoke((double)part / (_options.Pairs + 2), next);

    private static ComparedEngine Describe(IComparedEngine engine) =>
        new(engine.Name, engine.Version, engine.Settings, engine.LoadSeconds);

    private static string ProcessorName()
    {
        const string CpuInfo = "/proc/cpuinfo";
        if (File.Exists(CpuInfo))
        {
            string? line = File.ReadLines(CpuInfo).FirstOrDefault(
                l => l.StartsWith("model name", StringComparison.Ordinal));
            if (line is not null)
            {
                return line[(line.IndexOf(':') + 1)..].Trim();
            }
        }
        return RuntimeInformation.ProcessArchitecture.ToString();
    }
}
