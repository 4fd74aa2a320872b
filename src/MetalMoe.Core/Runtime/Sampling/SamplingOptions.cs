using System.Collections.Frozen;
using System.Globalization;

namespace MetalMoe.Core.Runtime.Sampling;

/// <summary>
/// How the next token is chosen from the logits. Immutable; <see cref="Validate"/> names the
/// first value that is out of range. The steps and their order are those of
/// <see cref="Sampler"/>.
/// </summary>
public sealed record SamplingOptions
{
    private const int MaxPenaltyWindow = 1 << 20;

    /// <summary>Divides the logits before the draw; 0 takes the most likely token.</summary>
    public float Temperature { get; init; } = 0.7f;

    /// <summary>Keeps the k most likely tokens; 0 keeps all.</summary>
    public int TopK { get; init; } = 40;

    /// <summary>Keeps the most likely tokens that together reach this probability; 1 keeps all.
    /// </summary>
    public float TopP { get; init; } = 0.95f;

    /// <summary>Keeps tokens with at least this share of the best one's probability; 0 keeps
    /// all.</summary>
    public float MinP { get; init; }

    /// <summary>Divides a positive logit of a token seen in the window, multiplies a negative
    /// one; 1 is off.</summary>
    public float RepetitionPenalty { get; init; } = 1;

    /// <summary>Subtracted once from the logit of a token seen in the window; 0 is off.</summary>
    public float PresencePenalty { get; init; }

    /// <summary>Subtracted as often as the token was seen in the window; 0 is off.</summary>
    public float FrequencyPenalty { get; init; }

    /// <summary>How many of the last tokens, prompt included, the penalties look at.</summary>
    public int PenaltyWindow { get; init; } = 64;

    /// <summary>Added to single logits; negative infinity bans a token.</summary>
    public IReadOnlyDictionary<int, float> LogitBias { get; init; } =
        FrozenDictionary<int, float>.Empty;

    /// <summary>Seed of the draws: same seed, same logits, same tokens, on any machine.</summary>
    public ulong Seed { get; init; }

    /// <summary>The most likely token, always.</summary>
    public static SamplingOptions Greedy { get; } = new() { Temperature = 0, TopK = 0, TopP = 1 };

    /// <summary>Qwen3.5's advice for answers with a thinking block.</summary>
    public static SamplingOptions Thinking { get; } =
        new() { Temperature = 1, TopP = 0.95f, TopK = 20, PresencePenalty = 1.5f };

    /// <summary>Qwen3.5's advice for code.</summary>
    public static SamplingOptions Coding { get; } =
        new() { Temperature = 0.6f, TopP = 0.95f, TopK = 20 };

    /// <summary>Qwen3.5's advice for answers without a thinking block.</summary>
    public static SamplingOptions NonThinking { get; } =
        new() { Temperature = 0.7f, TopP = 0.8f, TopK = 20, PresencePenalty = 1.5f };

    internal bool HasPenalties =>
        PenaltyWindow > 0
        && (RepetitionPenalty != 1 || PresencePenalty != 0 || FrequencyPenalty != 0);

    /// <summary>Checks every value.</summary>
    /// <exception cref="MetalMoeException">A value is out of its range.</exception>
    public void Validate()
    {
        Check(Temperature is >= 0 and <= 100, "temperature", "0 to 100", Temperature);
        Check(TopK >= 0, "top-k", "0 (all) or more", TopK);
        Check(TopP is > 0 and <= 1, "top-p", "above 0, at most 1", TopP);
        Check(MinP is >= 0 and <= 1, "min-p", "0 to 1", MinP);
        Check(RepetitionPenalty is > 0 and <= 100, "repetition penalty", "above 0, at most 100",
            RepetitionPenalty);
        Check(PresencePenalty is >= -100 and <= 100, "presence penalty", "-100 to 100",
            PresencePenalty);
        Check(FrequencyPenalty is >= -100 and <= 100, "frequency penalty", "-100 to 100",
            FrequencyPenalty);
        Check(PenaltyWindow is >= 0 and <= MaxPenaltyWindow, "penalty window",
            $"0 to {MaxPenaltyWindow}", PenaltyWindow);
        foreach (var (token, bias) in LogitBias)
        {
            Check(token >= 0, "logit bias", "a token id", token);
            Check(bias < float.PositiveInfinity, "logit bias", "a finite number or -infinity",
                bias);
        }
    }

    private static void Check(bool holds, string name, string expected, double found)
    {
        if (!holds)
        {
            throw new MetalMoeException(string.Create(CultureInfo.InvariantCulture,
                $"[sampling] {name}: expected {expected}, got {found:R}"));
        }
    }
}
