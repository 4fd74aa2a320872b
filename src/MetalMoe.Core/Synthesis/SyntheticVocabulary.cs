using MetalMoe.Core.Gguf;

namespace MetalMoe.Core.Synthesis;

/// <summary>
/// Tokenizer keys of a synthesised file: a copy of another file's, or a small byte-level
/// vocabulary (256 bytes, a few merges, three control tokens), padded to V unused tokens.
/// </summary>
internal static class SyntheticVocabulary
{
    private const int Normal = 1;
    private const int Control = 3;
    private const int Unused = 5;

    private static readonly string[] s_merges =
    [
        "h e", "i n", "Ġ t", "Ġt he", "e r", "a n", "an d", "Ġ and", "in g", "Ġ a", "o u", "r e",
    ];

    private static readonly string[] s_control =
        ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];

    /// <summary>Smallest V of the built-in vocabulary.</summary>
    public static int SmallestSize => 256 + s_merges.Length + s_control.Length;

    /// <summary>Tokens of the vocabulary in a file.</summary>
    public static int CountTokens(GgufFile file) =>
        checked((int)file.Metadata.Values["tokenizer.ggml.tokens"].Count);

    /// <summary>Writes the built-in vocabulary.</summary>
    public static void AddBuiltIn(GgufWriter writer, int size)
    {
        List<string> tokens = [.. ByteCharacters(), .. s_merges.Select(Merged), .. s_control];
        List<int> types = [.. tokens.Select(t => s_control.Contains(t) ? Control : Normal)];
        int endOfText = tokens.IndexOf(s_control[0]);
        Pad(tokens, types, size);
        writer.Add("tokenizer.ggml.model", "gpt2");
        writer.Add("tokenizer.ggml.pre", "qwen35");
        writer.Add("tokenizer.ggml.tokens", tokens);
        writer.Add("tokenizer.ggml.token_type", types);
        writer.Add("tokenizer.ggml.merges", s_merges);
        writer.Add("tokenizer.ggml.eos_token_id", (uint)endOfText + 2);
        writer.Add("tokenizer.ggml.padding_token_id", (uint)endOfText);
        writer.Add("tokenizer.ggml.bos_token_id", (uint)endOfText);
        writer.Add("tokenizer.ggml.add_bos_token", false);
    }

    /// <summary>Copies the tokenizer keys of another file, padding its tokens to V.</summary>
    public static void AddCopy(GgufWriter writer, GgufFile source, int size)
    {
        const string Tokens = "tokenizer.ggml.tokens";
        const string Types = "tokenizer.ggml.token_type";
        GgufMetadata metadata = source.Metadata;
        bool pad = size > CountTokens(source);
        foreach (string key in metadata.Values.Keys)
        {
            bool grows = pad && key is Tokens or Types;
            if (key.StartsWith("tokenizer.", StringComparison.Ordinal) && !grows)
            {
                writer.Copy(key, metadata);
            }
        }
        if (pad)
        {
            List<string> tokens = [.. metadata.GetStringArray(Tokens)];
            List<int> types = [.. metadata.GetInt32Array(Types)];
            Pad(tokens, types, size);
            writer.Add(Tokens, tokens);
            writer.Add(Types, types);
        }
    }

    private static void Pad(List<string> tokens, List<int> types, int size)
    {
        for (int i = tokens.Count; i < size; i++)
        {
            tokens.Add($"[PAD{i}]");
            types.Add(Unused);
        }
    }

    private static string Merged(string merge) =>
        merge.Replace(" ", string.Empty, StringComparison.Ordinal);

    /// <summary>
    /// One printable character a byte, as byte-level BPE writes it: bytes that print stand for
    /// themselves, the others follow from U+0100 in order. Source: GPT-2's byte encoder.
    /// </summary>
    private static IEnumerable<string> ByteCharacters()
    {
        int next = 256;
        for (int b = 0; b < 256; b++)
        {
            bool prints = b is (>= '!' and <= '~') or (>= 0xa1 and <= 0xac) or >= 0xae;
            yield return ((char)(prints ? b : next++)).ToString();
        }
    }
}
