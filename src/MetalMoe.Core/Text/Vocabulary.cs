using System.Globalization;
using System.Text;
using System.Text.Unicode;
using MetalMoe.Core.Gguf;

namespace MetalMoe.Core.Text;

/// <summary>
/// The tokens of a byte-level BPE model: their bytes, kinds, merges and roles, all checked.
/// Immutable and safe to share between threads.
/// </summary>
public sealed class Vocabulary
{
    private readonly VocabularySource _source;
    private readonly PackedStrings _texts;
    private readonly PackedStrings _bytes;
    private readonly ByteStringTable _byText;
    private readonly ByteStringTable _byBytes;
    private readonly TokenKind[] _kinds;
    private readonly int[] _byteTokens = new int[256];
    private readonly HashSet<int> _endOfGeneration = [];

    /// <summary>Checks and indexes a vocabulary.</summary>
    /// <exception cref="VocabularyException">It cannot be used; the message says why.</exception>
    public Vocabulary(VocabularySource source)
    {
        ArgumentNullException.ThrowIfNull(source);
        _source = source;
        if (source.Model != "gpt2")
        {
            throw source.Wrong("model", "gpt2 (byte-level BPE)", source.Model);
        }
        PreTokenizer = PreTokenizer.Find(source.PreTokenizer) ?? throw source.Wrong(
            "pre", "qwen35, qwen2, gpt-2, llama-bpe or an alias of these", source.PreTokenizer);
        Count = source.Tokens.Count;
        if (Count == 0)
        {
            throw source.Wrong("tokens", "at least one token", "none");
        }
        _kinds = CheckKinds(source);
        (_texts, _byText) = IndexTexts(source);
        (_bytes, _byBytes) = IndexBytes();
        FindByteTokens();
        Merges = IndexMerges();
        BosId = SpecialId("bos");
        EosId = SpecialId("eos");
        EotId = SpecialId("eot");
        PaddingId = SpecialId("padding");
        AddBos = CheckAdded(source.AddBos ?? PreTokenizer.AddsBos, BosId, "bos");
        AddEos = CheckAdded(source.AddEos ?? false, EosId, "eos");
        AssignRoles();
        EndOfGenerationIds = [.. _endOfGeneration.Order()];
    }

    /// <summary>V: number of tokens.</summary>
    public int Count { get; }

    /// <summary>Beginning of text.</summary>
    public int? BosId { get; }

    /// <summary>End of text.</summary>
    public int? EosId { get; }

    /// <summary>End of turn, where the file names one.</summary>
    public int? EotId { get; }

    /// <summary>Filler of batches.</summary>
    public int? PaddingId { get; }

    /// <summary>The model wants BOS in front of a text.</summary>
    public bool AddBos { get; }

    /// <summary>The model wants EOS behind a text.</summary>
    public bool AddEos { get; }

    /// <summary>Tokens that end a generation, in ascending order.</summary>
    public IReadOnlyList<int> EndOfGenerationIds { get; }

    internal PreTokenizer PreTokenizer { get; }

    internal MergeTable Merges { get; }

    internal string ModelName => _source.ModelName;

    internal string PreTokenizerName => _source.PreTokenizer;

    /// <summary>Reads and checks the vocabulary of a file.</summary>
    /// <exception cref="GgufException">A key is missing or has another type.</exception>
    /// <exception cref="VocabularyException">The vocabulary cannot be used.</exception>
    public static Vocabulary Load(GgufFile file) => new(VocabularySource.Read(file));

    /// <summary>The bytes that a token stands for: its text for control and user-defined
    /// tokens, nothing for unused ones.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not an id of this vocabulary.</exception>
    public ReadOnlySpan<byte> TokenBytes(int id) => _bytes[CheckId(id)];

    /// <summary>The token as the file writes it, in the byte alphabet.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not an id of this vocabulary.</exception>
    public string TokenText(int id) => Encoding.UTF8.GetString(_texts[CheckId(id)]);

    /// <summary>What a token is.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not an id of this vocabulary.</exception>
    public TokenKind KindOf(int id) => _kinds[CheckId(id)];

    /// <summary>True when a generation ends with this token.</summary>
    public bool IsEndOfGeneration(int id) => _endOfGeneration.Contains(id);

    /// <summary>The token that the file writes like this, in the byte alphabet.</summary>
    public int? FindText(string text) =>
        _byText.Find(Encoding.UTF8.GetBytes(text)) is >= 0 and int id ? id : null;

    /// <summary>The token of exactly these bytes of plain text, or -1.</summary>
    internal int FindWord(ReadOnlySpan<byte> word) => _byBytes.Find(word);

    /// <summary>The token of one byte of plain text.</summary>
    internal int ByteToken(byte value) => _byteTokens[value];

    /// <summary>The literal text of a control or user-defined token.</summary>
    internal ReadOnlySpan<byte> Literal(int id) => _texts[id];

    private int CheckId(int id) => (uint)id < (uint)Count
        ? id
        : throw new ArgumentOutOfRangeException(
            nameof(id), id, $"[vocabulary] expected a token id below {Count} ({_source.File})");

    private static TokenKind[] CheckKinds(VocabularySource source)
    {
        var kinds = new TokenKind[source.Tokens.Count];
        Array.Fill(kinds, TokenKind.Normal);
        if (source.TokenTypes is { } types)
        {
            if (types.Count != kinds.Length)
            {
                throw source.Wrong("token_type", $"{kinds.Length} types, one for each token",
                    types.Count.ToString(CultureInfo.InvariantCulture));
            }
            for (int i = 0; i < kinds.Length; i++)
            {
                kinds[i] = types[i] is >= (int)TokenKind.Normal and <= (int)TokenKind.Byte
                    ? (TokenKind)types[i]
                    : throw source.Wrong("token_type", i, "a type from 1 to 6",
                        types[i].ToString(CultureInfo.InvariantCulture));
            }
        }
        return kinds;
    }

    private static (PackedStrings Texts, ByteStringTable Index) IndexTexts(
        VocabularySource source)
    {
        int count = source.Tokens.Count;
        var texts = new PackedStrings(count, count * 8);
        var index = new ByteStringTable(texts, count);
        for (int i = 0; i < count; i++)
        {
            byte[] text = source.Tokens[i];
            if (!Utf8.IsValid(text))
            {
                throw source.Wrong("tokens", i, "valid UTF-8", Convert.ToHexString(text));
            }
            // Converters leave holes; llama.cpp gives them this name.
            texts.Add(text.Length > 0 ? text : Encoding.UTF8.GetBytes(
                string.Create(CultureInfo.InvariantCulture, $"[EMPTY_{i}]")));
            if (!index.TryAdd(i))
            {
                throw source.Wrong("tokens", i, "a token not in the list before",
                    $"'{Encoding.UTF8.GetString(texts[i])}' again");
            }
        }
        return (texts, index);
    }

    private (PackedStrings Bytes, ByteStringTable Index) IndexBytes()
    {
        var bytes = new PackedStrings(Count, Count * 8);
        var index = new ByteStringTable(bytes, Count);
        byte[] buffer = [];
        for (int i = 0; i < Count; i++)
        {
            var text = _texts[i];
            if (buffer.Length < text.Length)
            {
                buffer = new byte[text.Length * 2];
            }
            bool isWord = ByteAlphabet.TryDecode(text, buffer, out int length);
            var decoded = buffer.AsSpan(0, length);
            switch (_kinds[i])
            {
                case TokenKind.Unused:
                    bytes.Add([]);
                    continue;
                case TokenKind.Byte:
                    bytes.Add([ParseByte(i, text)]);
                    continue;
                case TokenKind.Normal when isWord:
                    bytes.Add(decoded);
                    break;
                default:
                    bytes.Add(text);
                    isWord = isWord && text.SequenceEqual(decoded);
                    break;
            }
            if (isWord)
            {
                index.TryAdd(i);
            }
        }
        return (bytes, index);
    }

    private byte ParseByte(int id, ReadOnlySpan<byte> text)
    {
        if (text.Length == 6 && text.StartsWith("<0x"u8) && text[5] == '>'
            && byte.TryParse(text[3..5], NumberStyles.AllowHexSpecifier,
                CultureInfo.InvariantCulture, out byte value))
        {
            return value;
        }
        throw _source.Wrong("tokens", id, "a byte written <0xHH>",
            $"'{Encoding.UTF8.GetString(text)}'");
    }

    private void FindByteTokens()
    {
        for (int b = 0; b < 256; b++)
        {
            _byteTokens[b] = _byBytes.Find([(byte)b]);
            if (_byteTokens[b] < 0)
            {
                throw _source.Wrong("tokens", "a token for each of the 256 bytes",
                    string.Create(CultureInfo.InvariantCulture, $"none for 0x{b:X2}"));
            }
        }
    }

    private MergeTable IndexMerges()
    {
        var merges = new MergeTable(_source.Merges.Count);
        byte[] joined = [];
        for (int rank = 0; rank < _source.Merges.Count; rank++)
        {
            byte[] merge = _source.Merges[rank];
            // A half may begin with a blank of its own only where nothing stands before it.
            int blank = merge.AsSpan(Math.Min(1, merge.Length)).IndexOf((byte)' ') + 1;
            if (blank <= 0)
            {
                throw WrongMerge(rank, "two tokens with a blank between", merge);
            }
            var left = merge.AsSpan(0, blank);
            var right = merge.AsSpan(blank + 1);
            if (joined.Length < merge.Length)
            {
                joined = new byte[merge.Length * 2];
            }
            left.CopyTo(joined);
            right.CopyTo(joined.AsSpan(left.Length));
            int leftId = _byText.Find(left);
            int rightId = _byText.Find(right);
            int result = _byText.Find(joined.AsSpan(0, merge.Length - 1));
            if (leftId < 0 || rightId < 0)
            {
                throw WrongMerge(rank, "two tokens of the vocabulary", merge);
            }
            if (result < 0)
            {
                throw WrongMerge(rank, "a pair that makes a token", merge);
            }
            merges.Add(leftId, rightId, new Merge(rank, result));
        }
        return merges;
    }

    private VocabularyException WrongMerge(int rank, string expected, byte[] merge) =>
        _source.Wrong("merges", rank, expected, $"'{Encoding.UTF8.GetString(merge)}'");

    private int? SpecialId(string role)
    {
        if (!_source.SpecialIds.TryGetValue(role, out long id))
        {
            return null;
        }
        return id >= 0 && id < Count
            ? (int)id
            : throw new VocabularyException(VocabularySource.IdKey(role),
                $"a token id below {Count}", id.ToString(CultureInfo.InvariantCulture),
                _source.File);
    }

    private bool CheckAdded(bool added, int? id, string role) => !added || id.HasValue
        ? added
        : throw new VocabularyException(VocabularySource.IdKey(role),
            $"a token id, since texts get {role.ToUpperInvariant()} added", "no such key",
            _source.File);

    /// <summary>Kinds and end-of-generation roles that follow from names.</summary>
    private void AssignRoles()
    {
        foreach (var (key, ends, names) in SpecialTokenNames.FillInTheMiddle)
        {
            int? id = SpecialId(key);
            if (id is null && FirstNamed(names) is { } named)
            {
                id = named;
                _kinds[named] = TokenKind.Control;
            }
            if (ends && id is { } ending)
            {
                _endOfGeneration.Add(ending);
            }
        }
        foreach (string name in SpecialTokenNames.EndOfGeneration)
        {
            if (FindText(name) is { } id)
            {
                _endOfGeneration.Add(id);
                _kinds[id] = TokenKind.Control;
            }
        }
        foreach (string name in SpecialTokenNames.AlwaysShown)
        {
            if (FindText(name) is { } id)
            {
                _kinds[id] = TokenKind.UserDefined;
            }
        }
        foreach (int? id in (ReadOnlySpan<int?>)[EosId, EotId, SpecialId("eom")])
        {
            if (id is { } ending)
            {
                _endOfGeneration.Add(ending);
            }
        }
        ReleaseEndMark();
    }

    /// <summary>Where a family has its own marks for the end of a message, the general ones are
    /// part of the answer.</summary>
    private void ReleaseEndMark()
    {
        bool calls = Ends("<|call|>") || Ends("<|calls|>");
        if (calls && (Ends("<|return|>") || Ends("<|flush|>")) && FindText("<|end|>") is { } end)
        {
            _endOfGeneration.Remove(end);
            _kinds[end] = TokenKind.UserDefined;
        }
        if (Ends("<|tool_response>") && FindText("</s>") is { } sentence)
        {
            _endOfGeneration.Remove(sentence);
            _kinds[sentence] = TokenKind.Normal;
        }
    }

    private bool Ends(string name) => FindText(name) is { } id && IsEndOfGeneration(id);

    private int? FirstNamed(string[] names)
    {
        int? first = null;
        foreach (string name in names)
        {
            int? id = FindText(name);
            first = id < (first ?? int.MaxValue) ? id : first;
        }
        return first;
    }
}
