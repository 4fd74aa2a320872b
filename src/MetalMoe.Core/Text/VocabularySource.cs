using System.Globalization;
using MetalMoe.Core.Gguf;

namespace MetalMoe.Core.Text;

/// <summary>The tokenizer keys of a GGUF file as they stand there, not yet checked.</summary>
public sealed record VocabularySource
{
    private const string Prefix = "tokenizer.ggml.";

    private static readonly string[] IdKeys =
    [
        "bos", "eos", "eot", "eom", "unknown", "padding",
        "fim_pre", "fim_suf", "fim_mid", "fim_pad", "fim_rep", "fim_sep",
    ];

    /// <summary>Where the vocabulary comes from, for messages.</summary>
    public required string File { get; init; }

    /// <summary><c>tokenizer.ggml.model</c>.</summary>
    public required string Model { get; init; }

    /// <summary><c>tokenizer.ggml.pre</c>.</summary>
    public required string PreTokenizer { get; init; }

    /// <summary><c>tokenizer.ggml.tokens</c>: UTF-8 texts by token id.</summary>
    public required IReadOnlyList<byte[]> Tokens { get; init; }

    /// <summary><c>tokenizer.ggml.merges</c>: pairs of token texts, a blank between.</summary>
    public required IReadOnlyList<byte[]> Merges { get; init; }

    /// <summary><c>tokenizer.ggml.token_type</c>; without it all tokens are normal.</summary>
    public IReadOnlyList<int>? TokenTypes { get; init; }

    /// <summary>Ids of special tokens by role: the <c>eos</c> of
    /// <c>tokenizer.ggml.eos_token_id</c>.</summary>
    public IReadOnlyDictionary<string, long> SpecialIds { get; init; } =
        new Dictionary<string, long>();

    /// <summary><c>tokenizer.ggml.add_bos_token</c>.</summary>
    public bool? AddBos { get; init; }

    /// <summary><c>tokenizer.ggml.add_eos_token</c>.</summary>
    public bool? AddEos { get; init; }

    /// <summary><c>general.name</c>; a few models have rules that no other key tells.</summary>
    public string ModelName { get; init; } = "";

    /// <summary>Reads the keys.</summary>
    /// <exception cref="GgufException">A key is missing or has another type.</exception>
    public static VocabularySource Read(GgufFile file)
    {
        ArgumentNullException.ThrowIfNull(file);
        var metadata = file.Metadata;
        var ids = new Dictionary<string, long>();
        foreach (string role in IdKeys)
        {
            string key = IdKey(role);
            if (metadata.Contains(key))
            {
                ids[role] = metadata.GetUInt32(key);
            }
        }
        metadata.TryGetString("general.name", out string? name);
        return new VocabularySource
        {
            File = file.Path,
            Model = metadata.GetString(Prefix + "model"),
            PreTokenizer = metadata.GetString(Prefix + "pre"),
            Tokens = metadata.GetByteStringArray(Prefix + "tokens"),
            Merges = metadata.GetByteStringArray(Prefix + "merges"),
            TokenTypes = metadata.Contains(Prefix + "token_type")
                ? metadata.GetInt32Array(Prefix + "token_type") : null,
            SpecialIds = ids,
            AddBos = Flag(metadata, Prefix + "add_bos_token"),
            AddEos = Flag(metadata, Prefix + "add_eos_token"),
            ModelName = name ?? "",
        };
    }

    /// <summary>The key of a role.</summary>
    internal static string IdKey(string role) => $"{Prefix}{role}_token_id";

    /// <summary>The error of one of these keys.</summary>
    internal VocabularyException Wrong(string key, string expected, string found) =>
        new(Prefix + key, expected, found, File);

    /// <summary>The error of one entry of one of these keys.</summary>
    internal VocabularyException Wrong(string key, int index, string expected, string found) =>
        Wrong(string.Create(CultureInfo.InvariantCulture, $"{key}[{index}]"), expected, found);

    private static bool? Flag(GgufMetadata metadata, string key) =>
        metadata.Contains(key) ? metadata.GetBool(key) : null;
}
