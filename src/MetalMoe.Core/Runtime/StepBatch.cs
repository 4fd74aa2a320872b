using System.Runtime.InteropServices;

namespace MetalMoe.Core.Runtime;

/// <summary>Which rows of a segment need logits.</summary>
public enum LogitsMode
{
    /// <summary>None: the segment only fills the state.</summary>
    None,

    /// <summary>The last token's row.</summary>
    Last,

    /// <summary>Every row.</summary>
    All,
}

/// <summary>
/// Tokens [FirstToken, FirstToken + TokenCount) of the batch continue slot <c>Slot</c> at
/// position <c>Position</c>.
/// </summary>
public readonly record struct StepSegment(int Slot, int Position, int FirstToken, int TokenCount);

/// <summary>
/// The input of one step: segments of tokens, one a sequence, packed together. Reused from step
/// to step; filling it allocates nothing once its lists have grown.
/// </summary>
public sealed class StepBatch
{
    private readonly List<int> _tokens = [];
    private readonly List<StepSegment> _segments = [];
    private readonly List<int> _outputRows = [];

    /// <summary>Token ids [T] of all segments in order.</summary>
    public ReadOnlySpan<int> Tokens => CollectionsMarshal.AsSpan(_tokens);

    /// <summary>The segments, in token order; no slot appears twice.</summary>
    public ReadOnlySpan<StepSegment> Segments => CollectionsMarshal.AsSpan(_segments);

    /// <summary>Batch rows [R] that need logits, ascending.</summary>
    public ReadOnlySpan<int> OutputRows => CollectionsMarshal.AsSpan(_outputRows);

    /// <summary>Empties the batch.</summary>
    public void Clear()
    {
        _tokens.Clear();
        _segments.Clear();
        _outputRows.Clear();
    }

    /// <summary>Adds tokens that continue a slot at a position.</summary>
    /// <exception cref="ArgumentException">No tokens, or the slot is in the batch already.
    /// </exception>
    public void Add(int slot, int position, ReadOnlySpan<int> tokens, LogitsMode logits)
    {
        if (tokens.IsEmpty)
        {
            throw new ArgumentException("[step] a segment needs at least one token");
        }
        foreach (var segment in Segments)
        {
            if (segment.Slot == slot)
            {
                throw new ArgumentException($"[step] slot {slot} is in the batch already");
            }
        }
        int first = _tokens.Count;
        _segments.Add(new StepSegment(slot, position, first, tokens.Length));
        _tokens.AddRange(tokens);
        int firstOutput = logits switch
        {
            LogitsMode.All => first,
            LogitsMode.Last => first + tokens.Length - 1,
            _ => first + tokens.Length,
        };
        for (int row = firstOutput; row < first + tokens.Length; row++)
        {
            _outputRows.Add(row);
        }
    }

    /// <summary>
    /// Checks sizes, slots, positions and token ids against what an executor was built for;
    /// executors call it first, because kernels trust these numbers.
    /// </summary>
    /// <param name="options">What the executor was built with.</param>
    /// <param name="tokenIds">Token ids are below this number.</param>
    /// <exception cref="ArgumentException">Too many tokens, rows or segments, a slot or a token
    /// id that does not exist.</exception>
    /// <exception cref="MetalMoeException">A segment goes beyond the context.</exception>
    public void Validate(ExecutorOptions options, long tokenIds)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (Tokens.Length > options.MaxBatchTokens
            || OutputRows.Length > options.MaxLogitsRows
            || Segments.Length > options.Slots)
        {
            throw new ArgumentException(
                $"[step] expected at most {options.MaxBatchTokens} tokens, "
                + $"{options.MaxLogitsRows} logits rows and {options.Slots} slots, got "
                + $"{Tokens.Length}, {OutputRows.Length} and {Segments.Length}");
        }
        foreach (int token in Tokens)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(token);
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(token, tokenIds);
        }
        foreach (StepSegment segment in Segments)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(segment.Slot);
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(segment.Slot, options.Slots);
            if (segment.Position < 0
                || segment.Position > options.ContextLength - segment.TokenCount)
            {
                throw new MetalMoeException(
                    $"[step] context: expected at most {options.ContextLength} positions, got "
                    + $"{segment.TokenCount} tokens at position {segment.Position}");
            }
        }
    }
}
