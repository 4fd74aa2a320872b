using MetalMoe.Core.Gguf;
using MetalMoe.Core.Text;
using MetalMoe.Oracle.Tests.LlamaCpp;

namespace MetalMoe.Oracle.Tests.Text;

/// <summary>One vocabulary file, opened by the product and by llama.cpp.</summary>
internal sealed class VocabularyPair
{
    /// <summary>llama.cpp's own vocabulary test files, by pre-tokenizer, and the bundled model.
    /// </summary>
    public static readonly string[] Names = ["qwen35", "qwen2", "gpt-2", "llama-bpe", "bundled"];

    private static readonly Dictionary<string, VocabularyPair> Opened = [];

    private VocabularyPair(string path)
    {
        using var file = GgufFile.Open(path);
        Ours = new Tokenizer(Vocabulary.Load(file));
        Theirs = LlamaModel.Load(path, vocabularyOnly: true);
    }

    public Tokenizer Ours { get; }

    public LlamaModel Theirs { get; }

    /// <summary>Opens a vocabulary, or gives the one that is open; skips the running test where
    /// it is missing.</summary>
    public static VocabularyPair Open(string name)
    {
        Peers.Require();
        if (!Opened.TryGetValue(name, out var pair))
        {
            Opened[name] = pair = new VocabularyPair(name == "bundled"
                ? Peers.RequireModel("tiny-qwen35moe-q8_0.gguf")
                : TestFile(name));
        }
        return pair;
    }

    /// <summary>Closes all vocabularies.</summary>
    public static void CloseAll()
    {
        foreach (var pair in Opened.Values)
        {
            pair.Theirs.Dispose();
        }
        Opened.Clear();
    }

    /// <summary>Path of one of llama.cpp's vocabulary test files.</summary>
    public static string TestFile(string name) =>
        Path.Combine(Peers.LlamaSource, "models", $"ggml-vocab-{name}.gguf");

    public int[] Encode(ReadOnlySpan<byte> text, bool addSpecial, bool parseSpecial)
    {
        var tokens = new List<int>();
        Ours.Encode(text, tokens, parseSpecial, addSpecial);
        return [.. tokens];
    }
}
