using MetalMoe.Core;
using MetalMoe.Core.Runtime;

namespace MetalMoe;

/// <summary>How a text is cut and scored.</summary>
public sealed record PerplexityOptions
{
    /// <summary>Tokens of a chunk.</summary>
    public int ContextLength { get; init; } = 512;

    /// <summary>Distance between the starts of overlapping chunks; 0 puts them side by side.
    /// </summary>
    public int Stride { get; init; }

    /// <summary>Scores only so many chunks; 0 scores all.</summary>
    public int MaxChunks { get; init; }

    /// <summary>Checks every value.</summary>
    /// <exception cref="MetalMoeException">A value is out of its range.</exception>
    public void Validate()
    {
        Check(ContextLength >= 4, "context", "at least 4", ContextLength);
        Check(Stride >= 0 && Stride < ContextLength, "stride", $"0 to {ContextLength - 1}", Stride);
        Check(MaxChunks >= 0, "chunks", "0 (all) or more", MaxChunks);
    }

    /// <summary>Model options that leave room for a chunk and for its rows of logits.</summary>
    public MoeModelOptions Adjust(MoeModelOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return options with
        {
            ContextLength = ChunkLength,
            MaxLogitsRows = Math.Max(options.MaxLogitsRows, 128),
        };
    }

    // llama-perplexity lengthens the context by half a stride.
    internal int ChunkLength => ContextLength + (Stride / 2);

    private static void Check(bool holds, string name, string expected, int found)
    {
        if (!holds)
        {
            throw new MetalMoeException($"[perplexity] {name}: expected {expected}, got {found}");
        }
    }
}

/// <summary>How far a measurement is.</summary>
public readonly record struct PerplexityProgress(int Chunk, int Chunks, double Perplexity);

/// <summary>The outcome of a measurement.</summary>
/// <param name="Perplexity">exp of the mean negative log-likelihood a token.</param>
/// <param name="StandardError">One standard error of the perplexity.</param>
/// <param name="ScoredTokens">Tokens whose probability was counted.</param>
/// <param name="Chunks">Chunks scored.</param>
public sealed record PerplexityResult(
    double Perplexity, double StandardError, long ScoredTokens, int Chunks);

/// <summary>
/// Perplexity as llama-perplexity counts it: chunks of the context length side by side, each
/// from an empty state, the second half of each scored; with a stride, overlapping chunks whose
/// last stride tokens are scored.
/// </summary>
public static class Perplexity
{
    /// <summary>Tokens of a text file: one final line break is not part of the text.</summary>
    public static int[] Encode(MoeModel model, ReadOnlySpan<byte> text)
    {
        ArgumentNullException.ThrowIfNull(model);
        if (text.EndsWith("\n"u8))
        {
            text = text[..^1];
        }
        return model.Text.Encode(text, parseSpecial: false, isStart: true);
    }

    /// <summary>Scores tokens with a session of their own.</summary>
    /// <exception cref="MetalMoeException">The text is too short.</exception>
    public static async Task<PerplexityResult> MeasureAsync(
        Session session, ReadOnlyMemory<int> tokens, PerplexityOptions options,
        IProgress<PerplexityProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(session);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        int length = options.ChunkLength;
        int step = options.Stride > 0 ? options.Stride : length;
        // Side by side, llama-perplexity asks for two chunks of text before it starts.
        int least = options.Stride > 0 ? length : 2 * length;
        if (tokens.Length < least)
        {
            throw new MetalMoeException(
                $"[perplexity] text: expected at least {least} tokens, got {tokens.Length}; use a "
                + "longer text or a smaller context");
        }
        int chunks = options.Stride > 0
            ? (tokens.Length - length + step - 1) / step : tokens.Length / length;
        chunks = options.MaxChunks > 0 ? Math.Min(chunks, options.MaxChunks) : chunks;
        int first = options.Stride > 0 ? length - step - 1 : length / 2;
        var sum = new Score();
        for (int i = 0; i < chunks; i++)
        {
            var chunk = tokens.Slice(i * step, length);
            session.Reset();
            if (first > 0)
            {
                await session.EvaluateAsync(
                    chunk[..first], LogitsMode.None, null, cancellationToken)
                    .ConfigureAwait(false);
            }
            await session.EvaluateAsync(
                chunk[first..^1], LogitsMode.All,
                (position, logits) => sum.Add(logits, chunk.Span[position + 1]),
                cancellationToken).ConfigureAwait(false);
            progress?.Report(new PerplexityProgress(i + 1, chunks, sum.Perplexity));
        }
        session.Reset();
        return new PerplexityResult(sum.Perplexity, sum.StandardError, sum.Count, chunks);
    }

    private sealed class Score
    {
        private double _sum;
        private double _squares;

        public long Count { get; private set; }

        public double Perplexity => Math.Exp(_sum / Count);

        public double StandardError
        {
            get
            {
                double mean = _sum / Count;
                double variance = (_squares / Count) - (mean * mean);
                return Count < 2 || variance <= 0
                    ? 0 : Math.Sqrt(variance / (Count - 1)) * Perplexity;
            }
        }

        public void Add(ReadOnlySpan<float> logits, int token)
        {
            float max = float.NegativeInfinity;
            foreach (float logit in logits)
            {
                max = Math.Max(max, logit);
            }
            double total = 0;
            foreach (float logit in logits)
            {
                total += Math.Exp((double)logit - max);
            }
            double loss = Math.Log(total) - ((double)logits[token] - max);
            if (!double.IsFinite(loss))
            {
                throw new MetalMoeException(
                    $"[perplexity] expected a finite loss, got {loss} for token {token}");
            }
            _sum += loss;
            _squares += loss * loss;
            Count++;
        }
    }
}
