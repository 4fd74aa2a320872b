using MetalMoe.Core.Runtime.Sampling;
using MetalMoe.Metal.Kernels.Args;

namespace MetalMoe.Metal.Kernels;

/// <summary>
/// The choice of the next token from logits on the device, and its way into the next step's
/// tokens, so that steps can follow each other without the host.
/// </summary>
internal static class SampleKernels
{
    /// <summary>Threads of a threadgroup; one threadgroup a row of logits.</summary>
    public const int Threads = 1024;

    /// <summary>Most candidates that a row's top-k and penalties may need.</summary>
    public const int MaxCandidates = 1024;

    /// <summary><see cref="SampleRow.NextToken"/> when the token goes nowhere, and the sampled
    /// token when none is possible.</summary>
    public const uint None = uint.MaxValue;

    /// <summary>Chooses a token for every row of logits.</summary>
    public static KernelSpec Sample { get; } = new(
        "sample", "sample", KernelBinding.Read("all_logits"), KernelBinding.Read("rows"),
        KernelBinding.ReadWrite("history"), KernelBinding.Write("sampled"),
        KernelBinding.Write("next_tokens"));

    public static IReadOnlyList<KernelSpec> All { get; } = [Sample];

    /// <summary>
    /// True when the device can sample with these options. The others (a bias, penalties that
    /// raise a logit, more candidates than fit) are the host's.
    /// </summary>
    public static bool Supports(SamplingOptions options)
    {
        int window = HasPenalties(options) ? options.PenaltyWindow : 0;
        int candidates = options.Temperature == 0 ? 1 : options.TopK;
        return options.LogitBias.Count == 0
            && options is { RepetitionPenalty: >= 1, PresencePenalty: >= 0, FrequencyPenalty: >= 0 }
            && candidates >= 1
            && (long)candidates + window <= MaxCandidates;
    }

    /// <summary>The options as a kernel takes them; draw, history and the token's way are the
    /// caller's.</summary>
    public static SampleRow Row(SamplingOptions options) => new()
    {
        SeedLow = (uint)options.Seed,
        SeedHigh = (uint)(options.Seed >> 32),
        TopK = (uint)Math.Max(1, options.TopK),
        PenaltyWindow = HasPenalties(options) ? (uint)options.PenaltyWindow : 0,
        NextToken = None,
        Temperature = options.Temperature,
        TopP = options.TopP,
        MinP = options.MinP,
        RepetitionPenalty = options.RepetitionPenalty,
        PresencePenalty = options.PresencePenalty,
        FrequencyPenalty = options.FrequencyPenalty,
    };

    private static bool HasPenalties(SamplingOptions options) =>
        options.RepetitionPenalty != 1 || options.PresencePenalty != 0
        || options.FrequencyPenalty != 0;
}
