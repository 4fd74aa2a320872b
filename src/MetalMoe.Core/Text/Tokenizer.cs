using System.Buffers;
using System.Text;
using System.Text.Unicode;

namespace MetalMoe.Core.Text;

/// <summary>
/// Text to token ids and back: byte-level BPE with the ids that llama.cpp gives. Safe to use
/// from several threads at once.
/// </summary>
/// <remarks>
/// Source: Sennrich, Haddow and Birch, "Neural machine translation of rare words with subword
/// units"; Radford et al., "Language models are unsupervised multitask learners" (byte level).
/// </remarks>
public sealed class Tokenizer
{
    // Words beyond this are rare; a thread does not keep the arrays they took.
    private const int KeptCapacity = 1 << 16;

    [ThreadStatic]
    private static Workspace? t_workspace;

    private readonly SpecialTokenMatcher _special;
    private readonly Lazy<ControlTokenNames> _controlTokenNames;

    // Whether the merges of a token's own bytes lead to that token. Found when first met; two
    // threads that race find the same.
    private readonly WholeWord[] _wholeWords;

    /// <summary>Creates the tokenizer of a vocabulary.</summary>
    public Tokenizer(Vocabulary vocabulary)
    {
        ArgumentNullException.ThrowIfNull(vocabulary);
        Vocabulary = vocabulary;
        _special = new SpecialTokenMatcher(vocabulary);
        _controlTokenNames = new(() => new ControlTokenNames(vocabulary));
        _wholeWords = new WholeWord[vocabulary.Count];
    }

    private enum WholeWord : byte
    {
        Unknown,
        Yes,
        No,
    }

    /// <summary>The tokens.</summary>
    public Vocabulary Vocabulary { get; }

    /// <summary>Token ids of a text. A lone surrogate reads as U+FFFD.</summary>
    /// <param name="text">UTF-16 text.</param>
    /// <param name="parseSpecial">Reads control tokens written out in the text as tokens; leave
    /// this off for text that is not trusted. User-defined tokens are always read.</param>
    /// <param name="addSpecial">Adds BOS and EOS where the model wants them.</param>
    public int[] Encode(
        ReadOnlySpan<char> text, bool parseSpecial = false, bool addSpecial = false)
    {
        var tokens = new List<int>((text.Length / 3) + 8);
        Encode(text, tokens, parseSpecial, addSpecial);
        return [.. tokens];
    }

    /// <summary>Appends the token ids of a text.</summary>
    /// <inheritdoc cref="Encode(ReadOnlySpan{char}, bool, bool)"/>
    public void Encode(
        ReadOnlySpan<char> text, List<int> destination,
        bool parseSpecial = false, bool addSpecial = false)
    {
        byte[] utf8 = ArrayPool<byte>.Shared.Rent(Encoding.UTF8.GetMaxByteCount(text.Length));
        try
        {
            int length = Encoding.UTF8.GetBytes(text, utf8);
            Encode(utf8.AsSpan(0, length), destination, parseSpecial, addSpecial);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(utf8);
        }
    }

    /// <summary>Appends the token ids of UTF-8 text. Bytes that are not valid UTF-8 read as
    /// U+FFFD, one for each byte that belongs to no character.</summary>
    /// <param name="utf8">The text.</param>
    /// <param name="destination">Where the ids go.</param>
    /// <param name="parseSpecial">Reads control tokens written out in the text as tokens; leave
    /// this off for text that is not trusted. User-defined tokens are always read.</param>
    /// <param name="addSpecial">Adds BOS and EOS where the model wants them.</param>
    public void Encode(
        ReadOnlySpan<byte> utf8, List<int> destination,
        bool parseSpecial = false, bool addSpecial = false)
    {
        ArgumentNullException.ThrowIfNull(destination);
        if (addSpecial && Vocabulary.AddBos)
        {
            destination.Add(Vocabulary.BosId!.Value);
        }
        var workspace = t_workspace ??= new Workspace();
        _special.Find(utf8, parseSpecial, workspace.Matches);
        int start = 0;
        foreach (var match in workspace.Matches)
        {
            EncodeText(utf8[start..match.Start], workspace, destination);
            destination.Add(match.Id);
            start = match.End;
        }
        EncodeText(utf8[start..], workspace, destination);
        if (workspace.Merger.Capacity > KeptCapacity
            || workspace.Matches.Capacity > KeptCapacity)
        {
            t_workspace = null;
        }
        if (addSpecial && Vocabulary.AddEos)
        {
            destination.Add(Vocabulary.EosId!.Value);
        }
    }

    /// <summary>
    /// Appends the token ids of a text in which control tokens count, but not where
    /// <paramref name="mark"/> stands inside their names; the mark itself is not part of the
    /// text.
    /// </summary>
    internal void EncodeMarked(string text, char mark, List<int> destination)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(text);
        var matches = new List<SpecialMatch>();
        _special.Find(utf8, parseSpecial: true, matches);
        int start = 0;
        foreach (var match in matches)
        {
            if (_special.IsHidden(match.Id))
            {
                EncodeUnmarked(utf8.AsSpan(start, match.Start - start), mark, destination);
                destination.Add(match.Id);
                start = match.End;
            }
        }
        EncodeUnmarked(utf8.AsSpan(start), mark, destination);
    }

    internal ControlTokenNames ControlTokenNames => _controlTokenNames.Value;

    /// <summary>The bytes of a run of tokens; they need not be whole characters.</summary>
    /// <param name="tokens">Token ids.</param>
    /// <param name="includeControl">Writes control tokens out instead of skipping them.</param>
    /// <exception cref="ArgumentOutOfRangeException">An id is not in the vocabulary.</exception>
    public byte[] DecodeToBytes(ReadOnlySpan<int> tokens, bool includeControl = true)
    {
        int length = 0;
        foreach (int token in tokens)
        {
            length = checked(length + ShownBytes(token, includeControl).Length);
        }
        byte[] bytes = new byte[length];
        int written = 0;
        foreach (int token in tokens)
        {
            var piece = ShownBytes(token, includeControl);
            piece.CopyTo(bytes.AsSpan(written));
            written += piece.Length;
        }
        return bytes;
    }

    /// <summary>The text of a run of tokens; bytes that are no characters read as U+FFFD.
    /// </summary>
    /// <inheritdoc cref="DecodeToBytes"/>
    public string Decode(ReadOnlySpan<int> tokens, bool includeControl = true) =>
        Encoding.UTF8.GetString(DecodeToBytes(tokens, includeControl));

    /// <summary>The bytes that a token stands for.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not an id of the vocabulary.</exception>
    public ReadOnlySpan<byte> TokenBytes(int id) => Vocabulary.TokenBytes(id);

    /// <summary>True when a generation ends with this token.</summary>
    public bool IsEndOfGeneration(int id) => Vocabulary.IsEndOfGeneration(id);

    /// <summary>A detokenizer for one stream of tokens.</summary>
    /// <param name="includeControl">Writes control tokens out instead of skipping them.</param>
    public StreamingDetokenizer CreateDetokenizer(bool includeControl = false) =>
        new(this, includeControl);

    internal ReadOnlySpan<byte> ShownBytes(int token, bool includeControl) =>
        includeControl
            || Vocabulary.KindOf(token) is not (TokenKind.Control or TokenKind.Unknown)
            ? Vocabulary.TokenBytes(token)
            : default;

    private void EncodeUnmarked(ReadOnlySpan<byte> utf8, char mark, List<int> destination) =>
        Encode(Encoding.UTF8.GetString(utf8).Replace($"{mark}", "", StringComparison.Ordinal),
            destination);

    private void EncodeText(
        ReadOnlySpan<byte> text, Workspace workspace, List<int> destination)
    {
        if (Utf8.IsValid(text))
        {
            EncodeWords(text, workspace, destination);
            return;
        }
        byte[] repaired = ArrayPool<byte>.Shared.Rent(Utf8Repair.MaxLength(text.Length));
        try
        {
            int length = Utf8Repair.Run(text, repaired);
            EncodeWords(repaired.AsSpan(0, length), workspace, destination);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(repaired);
        }
    }

    private void EncodeWords(
        ReadOnlySpan<byte> text, Workspace workspace, List<int> destination)
    {
        for (int start = 0; start < text.Length;)
        {
            int end = WordSplitter.WordEnd(text, start, Vocabulary.PreTokenizer.Kind);
            EncodeWord(text[start..end], workspace, destination);
            start = end;
        }
    }

    private void EncodeWord(
        ReadOnlySpan<byte> word, Workspace workspace, List<int> destination)
    {
        if (word.Length == 1)
        {
            destination.Add(Vocabulary.ByteToken(word[0]));
            return;
        }
        int whole = Vocabulary.FindWord(word);
        if (whole >= 0
            && (Vocabulary.PreTokenizer.WholeWordsFirst || _wholeWords[whole] == WholeWord.Yes))
        {
            destination.Add(whole);
            return;
        }
        int before = destination.Count;
        workspace.Merger.Merge(Vocabulary, word, destination);
        if (whole >= 0)
        {
            _wholeWords[whole] = destination.Count == before + 1 && destination[before] == whole
                ? WholeWord.Yes : WholeWord.No;
        }
    }

    private sealed class Workspace
    {
        public BpeMerger Merger { get; } = new();

        public List<SpecialMatch> Matches { get; } = [];
    }
}
