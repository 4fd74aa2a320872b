using MetalMoe.Core;
using MetalMoe.Core.Runtime.Sampling;
using MetalMoe.Core.Text.Grammar;

namespace MetalMoe;

/// <summary>What one request generates, and when it ends. Immutable.</summary>
public sealed record GenerationOptions
{
    /// <summary>Largest value of <see cref="TopLogProbabilities"/>.</summary>
    public const int MaxTopLogProbabilities = 100;

    /// <summary>Most tokens to generate; the context length is a limit too.</summary>
    public int MaxTokens { get; init; } = int.MaxValue;

    /// <summary>How tokens are chosen.</summary>
    public SamplingOptions Sampling { get; init; } = new();

    /// <summary>The answer ends before the first of these texts, which is not part of it.
    /// </summary>
    public IReadOnlyList<string> StopStrings { get; init; } = [];

    /// <summary>Tokens that end the answer, beside the model's own end tokens.</summary>
    public IReadOnlyList<int> StopTokens { get; init; } = [];

    /// <summary>Generates on when the model gives one of its end tokens.</summary>
    public bool IgnoreEndTokens { get; init; }

    /// <summary>Puts the text of control tokens into the answer's text.</summary>
    public bool ShowControlTokens { get; init; }

    /// <summary>The answer is a text of this grammar: tokens that would lead out of it are never
    /// chosen, and the model can end only where the text is complete. An answer that is cut off
    /// (most tokens, full context, a stop string) may be incomplete. Keep the grammar for further
    /// requests: what is computed for it is kept with it.</summary>
    public TextGrammar? Grammar { get; init; }

    /// <summary>The grammar begins behind the first occurrence of this text in the answer, such
    /// as <c>&lt;/think&gt;</c>; before it the model writes freely but cannot end. At once if
    /// null.</summary>
    public string? GrammarAfter { get; init; }

    /// <summary>Reports with each token its logarithmic probability and those of this many most
    /// likely tokens, as the model gives them: before bias, penalties, temperature and grammar.
    /// Null reports none.</summary>
    public int? TopLogProbabilities { get; init; }

    /// <summary>What metrics call the request, one of OpenTelemetry's names for operations of
    /// generative models.</summary>
    public string OperationName { get; init; } = "text_completion";

    /// <summary>Checks every value.</summary>
    /// <exception cref="MetalMoeException">A value is out of its range.</exception>
    public void Validate()
    {
        Sampling.Validate();
        if (MaxTokens < 1)
        {
            throw new MetalMoeException(
                $"[generate] max tokens: expected at least 1, got {MaxTokens}");
        }
        if (TopLogProbabilities is < 0 or > MaxTopLogProbabilities)
        {
            throw new MetalMoeException("[generate] top log-probabilities: expected 0 to "
                + $"{MaxTopLogProbabilities}, got {TopLogProbabilities}");
        }
        if (StopStrings.Any(string.IsNullOrEmpty))
        {
            throw new MetalMoeException("[generate] stop string: expected a text, got none");
        }
        if (Grammar is not null && IgnoreEndTokens)
        {
            throw new MetalMoeException(
                "[generate] grammar: expected end tokens to count, got the order to ignore them");
        }
        if (GrammarAfter is not null && (Grammar is null || GrammarAfter.Length == 0))
        {
            throw new MetalMoeException(
                "[generate] grammar after: expected a text and a grammar, got only one of them");
        }
    }
}
