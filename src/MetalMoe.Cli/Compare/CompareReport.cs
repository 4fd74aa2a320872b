using MetalMoe.Cli.Bench;

namespace MetalMoe.Cli.Compare;

/// <summary>Who took part.</summary>
internal sealed record ComparedEngine(
    string Name, string Version, string Settings, double LoadSeconds);

/// <summary>One test: tokens per second of both engines, pair by pair.</summary>
internal sealed record ComparedTest(
    string Test, IReadOnlyList<double> Ours, IReadOnlyList<double> Peer)
{
    /// <summary>Spread of this engine.</summary>
    public Spread OursSpread => Spread.Of(Ours);

    /// <summary>Spread of the peer.</summary>
    public Spread PeerSpread => Spread.Of(Peer);

    /// <summary>Ours by peer's, of every pair.</summary>
    public IReadOnlyList<double> Ratios => [.. Ours.Zip(Peer, (a, b) => a / b)];

    /// <summary>Spread of the ratios.</summary>
    public Spread RatioSpread => Spread.Of(Ratios);
}

/// <summary>What mlx_lm measured, or why it did not.</summary>
/// <param name="Note">One line.</param>
/// <param name="PrefillTps">Tokens per second of the prompt; null when it did not run.</param>
/// <param name="DecodeTps">Tokens per second decoded.</param>
internal sealed record MlxResult(string Note, double? PrefillTps, double? DecodeTps);

/// <summary>Everything a comparison found.</summary>
internal sealed record CompareReport
{
    /// <summary>File name of the model.</summary>
    public required string Model { get; init; }

    /// <summary>Bytes of the file.</summary>
    public required long FileBytes { get; init; }

    /// <summary>Processor, threads and system, one line.</summary>
    public required string Machine { get; init; }

    /// <summary>Day of the measurement, UTC.</summary>
    public required DateOnly Date { get; init; }

    /// <summary>This engine.</summary>
    public required ComparedEngine Ours { get; init; }

    /// <summary>The other one.</summary>
    public required ComparedEngine Peer { get; init; }

    /// <summary>The tests.</summary>
    public required IReadOnlyList<ComparedTest> Tests { get; init; }

    /// <summary>Token by token; null when not asked for.</summary>
    public required TokenParity? Parity { get; init; }

    /// <summary>mlx_lm.</summary>
    public required MlxResult Mlx { get; init; }
}
