namespace MetalMoe.Core.Text.Grammar;

/// <summary>The bytes that a token adds to a text; nothing for a token that is no text.</summary>
public delegate ReadOnlySpan<byte> TokenBytesReader(int token);

/// <summary>
/// The tokens of a model in the form that grammars need: a trie over their bytes, in preorder.
/// Immutable; built once for a model and shared by all grammars (248,000 tokens take about 20 MB).
/// </summary>
public sealed class GrammarVocabulary
{
    private readonly TokenBytesReader _bytes;
    private readonly int[] _endTokens;

    /// <summary>Indexes tokens 0 to <paramref name="count"/> - 1.</summary>
    /// <param name="count">V: length of the model's logits.</param>
    /// <param name="bytes">Bytes of each token; tokens without bytes are never allowed.</param>
    /// <param name="endTokens">Tokens that end a generation; their bytes do not count.</param>
    /// <exception cref="GrammarException">An end token is not a token.</exception>
    public GrammarVocabulary(int count, TokenBytesReader bytes, IEnumerable<int> endTokens)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        ArgumentNullException.ThrowIfNull(bytes);
        ArgumentNullException.ThrowIfNull(endTokens);
        Count = count;
        _bytes = bytes;
        _endTokens = [.. endTokens.Distinct().Order()];
        foreach (int token in _endTokens)
        {
            if ((uint)token >= (uint)count)
            {
                throw new GrammarException(
                    $"end tokens: expected a token below {count}, got {token}");
            }
        }
        int[] tokens = [.. Enumerable.Range(0, count).Where(t => !BytesOf(t).IsEmpty)];
        tokens.AsSpan().Sort((a, b) => BytesOf(a).SequenceCompareTo(BytesOf(b)) is var order
            and not 0 ? order : a.CompareTo(b));
        Trie = new TokenTrie(tokens, BytesOf);
    }

    /// <summary>V: number of tokens.</summary>
    public int Count { get; }

    /// <summary>Tokens that end a generation, in ascending order.</summary>
    public IReadOnlyList<int> EndTokens => _endTokens;

    internal TokenTrie Trie { get; }

    /// <summary>Number of 64-bit words in a mask of this vocabulary.</summary>
    internal int MaskLength => (Count + 63) / 64;

    /// <summary>The tokens of a tokenizer. Control, unknown and unused tokens are no text; the
    /// ids from the vocabulary's count up to <paramref name="logits"/> are padding.</summary>
    /// <param name="vocabulary">The model's vocabulary.</param>
    /// <param name="logits">V: length of the model's logits; the vocabulary's count if null.
    /// </param>
    public static GrammarVocabulary From(Vocabulary vocabulary, int? logits = null)
    {
        ArgumentNullException.ThrowIfNull(vocabulary);
        return new GrammarVocabulary(
            Math.Max(logits ?? 0, vocabulary.Count),
            t => t >= vocabulary.Count || vocabulary.KindOf(t)
                is TokenKind.Control or TokenKind.Unknown or TokenKind.Unused
                ? [] : vocabulary.TokenBytes(t),
            vocabulary.EndOfGenerationIds);
    }

    internal ReadOnlySpan<byte> BytesOf(int token) => IsEnd(token) ? [] : _bytes(token);

    internal bool IsEnd(int token) => _endTokens.AsSpan().Contains(token);
}
