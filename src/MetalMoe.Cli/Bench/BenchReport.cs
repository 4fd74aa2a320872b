namespace MetalMoe.Cli.Bench;

/// <summary>One test of a benchmark run. The first six names are a promise to scripts.</summary>
internal sealed record BenchRow
{
    /// <summary><c>pp512</c>: a prompt of 512; <c>tg64</c>: 64 decoded tokens;
    /// <c>tg64@d512</c>: after 512 others.</summary>
    public required string Test { get; init; }

    /// <summary>Median of tokens per second.</summary>
    public required double TpsMedian { get; init; }

    /// <summary>Slowest repetition.</summary>
    public required double TpsMin { get; init; }

    /// <summary>Fastest repetition.</summary>
    public required double TpsMax { get; init; }

    /// <summary>10^9 bytes a second that the median means.</summary>
    public required double Gbps { get; init; }

    /// <summary>That, in percent of <see cref="BandwidthGbps"/>.</summary>
    public required double BandwidthPercent { get; init; }

    /// <summary>Read bandwidth measured just before the test, 10^9 bytes a second.</summary>
    public required double BandwidthGbps { get; init; }

    /// <summary>Bytes read per token.</summary>
    public required double BytesPerToken { get; init; }

    /// <summary>Of these, weights.</summary>
    public required double WeightBytesPerToken { get; init; }

    /// <summary>Of these, cached keys and values.</summary>
    public required double CacheBytesPerToken { get; init; }

    /// <summary>Of these, recurrent state.</summary>
    public required double StateBytesPerToken { get; init; }

    /// <summary>Tokens per second of every repetition, in order.</summary>
    public required IReadOnlyList<double> Samples { get; init; }
}

/// <summary>What was measured, on what.</summary>
internal sealed record BenchReport
{
    /// <summary>File name of the model.</summary>
    public required string Model { get; init; }

    /// <summary>Bytes of the file.</summary>
    public required long FileBytes { get; init; }

    /// <summary>Name and description of the device.</summary>
    public required string Device { get; init; }

    /// <summary>Format of keys and values.</summary>
    public required string CacheFormat { get; init; }

    /// <summary>Most tokens in one step.</summary>
    public required int BatchTokens { get; init; }

    /// <summary>From opening the file to the executor, seconds.</summary>
    public required double LoadSeconds { get; init; }

    /// <summary>Largest resident memory seen after loading and after every repetition.</summary>
    public required ResidentMemory Peak { get; init; }

    /// <summary>The tests.</summary>
    public required IReadOnlyList<BenchRow> Rows { get; init; }
}
