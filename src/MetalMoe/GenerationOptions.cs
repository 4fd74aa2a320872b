using MetalMoe.Core;
using MetalMoe.Core.Runtime.Sampling;

namespace MetalMoe;

/// <summary>What one request generates, and when it ends. Immutable.</summary>
public sealed record GenerationOptions
{
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
        if (StopStrings.Any(string.IsNullOrEmpty))
        {
            throw new MetalMoeException("[generate] stop string: expected a text, got none");
        }
    }
}
