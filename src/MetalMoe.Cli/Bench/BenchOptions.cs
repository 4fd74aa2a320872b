using MetalMoe.Core.Runtime;

namespace MetalMoe.Cli.Bench;

/// <summary>What <c>metalmoe bench</c> measures and how.</summary>
internal sealed record BenchOptions
{
    /// <summary>GGUF file.</summary>
    public required string ModelPath { get; init; }

    /// <summary>Prompt lengths, a test each.</summary>
    public IReadOnlyList<int> Prefill { get; init; } = [512];

    /// <summary>Tokens of a decode test; 0 for no decode test.</summary>
    public int Decode { get; init; } = 64;

    /// <summary>Tokens before the decoded ones, a test each.</summary>
    public IReadOnlyList<int> Depths { get; init; } = [0, 512];

    /// <summary>Timed repetitions of every test.</summary>
    public int Repetitions { get; init; } = 5;

    /// <summary>Device name.</summary>
    public string Device { get; init; } = DeviceCatalog.Default;

    /// <summary>Threads, 0 for all processors.</summary>
    public int Threads { get; init; }

    /// <summary>Format of keys and values in the cache.</summary>
    public CacheFormat CacheFormat { get; init; } = CacheFormat.F16;

    /// <summary>Most tokens in one step.</summary>
    public int BatchTokens { get; init; } = 512;

    /// <summary>Seed of the token ids.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Touches all pages of the file first.</summary>
    public bool Warm { get; init; }

    /// <summary>How long a test runs unmeasured first, at least once: the run-time compiles hot
    /// code anew until it has seen enough of it.</summary>
    public TimeSpan WarmUp { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Bytes of the buffer that the bandwidth probe reads.</summary>
    public long ProbeByteCount { get; init; } = BandwidthProbe.DefaultByteCount;

    /// <summary>Positions that the longest test needs.</summary>
    public int ContextLength => Math.Max(
        Prefill.DefaultIfEmpty(1).Max(),
        Decode == 0 ? 1 : Depths.DefaultIfEmpty(0).Max() + Decode);
}
