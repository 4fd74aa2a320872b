namespace MetalMoe;

/// <summary>Why an answer ended.</summary>
public enum FinishReason
{
    /// <summary>The model gave an end token, or a stop token of the request.</summary>
    EndToken,

    /// <summary>A stop string of the request came up.</summary>
    StopString,

    /// <summary>The request's number of tokens is reached.</summary>
    MaxTokens,

    /// <summary>The session's context is full.</summary>
    ContextFull,
}

/// <summary>Counts and times of one request.</summary>
public sealed record GenerationStatistics
{
    /// <summary>Tokens that were run before the first new one.</summary>
    public required int PromptTokens { get; init; }

    /// <summary>Tokens generated, an end token included.</summary>
    public required int GeneratedTokens { get; init; }

    /// <summary>From the start of the request's first step to its first token.</summary>
    public required TimeSpan PrefillTime { get; init; }

    /// <summary>From the first token to the last one.</summary>
    public required TimeSpan DecodeTime { get; init; }

    /// <summary>Prompt tokens per second.</summary>
    public double PrefillTokensPerSecond => Rate(PromptTokens, PrefillTime);

    /// <summary>Tokens per second after the first one; 0 when there was only one.</summary>
    public double DecodeTokensPerSecond => Rate(GeneratedTokens - 1, DecodeTime);

    private static double Rate(int tokens, TimeSpan time) =>
        tokens <= 0 || time <= TimeSpan.Zero ? 0 : tokens / time.TotalSeconds;
}

/// <summary>A piece of an answer, as soon as it is certain.</summary>
/// <param name="TokenId">
/// The new token; null in the last update, and end tokens are not reported.
/// </param>
/// <param name="Text">
/// Text that became complete: empty in the middle of a character, or while the text may still
/// become a stop string.
/// </param>
/// <param name="FinishReason">Set in the last update.</param>
/// <param name="Statistics">Set in the last update.</param>
public readonly record struct GenerationUpdate(
    int? TokenId, string Text, FinishReason? FinishReason, GenerationStatistics? Statistics)
{
    /// <summary>Set with a token when <see cref="GenerationOptions.TopLogProbabilities"/> asks
    /// for it.</summary>
    public TokenLogProbabilities? LogProbabilities { get; init; }
}
