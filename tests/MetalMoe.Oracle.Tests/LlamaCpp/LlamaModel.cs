using System.Runtime.InteropServices;
using System.Text;

namespace MetalMoe.Oracle.Tests.LlamaCpp;

/// <summary>Owns a <c>llama_model*</c>.</summary>
internal sealed class LlamaModelHandle : SafeHandle
{
    public LlamaModelHandle()
        : base(0, ownsHandle: true)
    {
    }

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        LlamaNative.llama_model_free(handle);
        return true;
    }
}

/// <summary>A GGUF file opened by llama.cpp: its tokenizer and, unless opened for the vocabulary
/// only, its weights.</summary>
public sealed class LlamaModel : IDisposable
{
    private readonly nint _vocab;

    private LlamaModel(LlamaModelHandle handle)
    {
        Handle = handle;
        _vocab = LlamaNative.llama_model_get_vocab(handle);
        VocabularySize = LlamaNative.llama_vocab_n_tokens(_vocab);
    }

    /// <summary>V: tokens in the vocabulary.</summary>
    public int VocabularySize { get; }

    internal LlamaModelHandle Handle { get; }

    /// <summary>Opens a file; the caller disposes the result.</summary>
    /// <param name="path">GGUF file.</param>
    /// <param name="vocabularyOnly">Leaves the weights alone; only text functions work.</param>
    /// <param name="repack">Lets llama.cpp rearrange weights for speed, its default; without it
    /// the arithmetic is that of the plain block formats.</param>
    /// <exception cref="InvalidOperationException">llama.cpp cannot load it.</exception>
    public static unsafe LlamaModel Load(
        string path, bool vocabularyOnly = false, bool repack = true)
    {
        var parameters = LlamaNative.llama_model_default_params();
        parameters.VocabOnly = vocabularyOnly ? (byte)1 : (byte)0;
        parameters.UseExtraBuffers = repack ? (byte)1 : (byte)0;
        LlamaModelHandle handle;
        fixed (byte* pathBytes = LlamaNative.NullTerminated(path))
        {
            handle = LlamaNative.llama_model_load_from_file(pathBytes, parameters);
        }
        return handle.IsInvalid
            ? throw new InvalidOperationException(
                $"llama.cpp cannot load {path}: {LlamaNative.LastError}")
            : new LlamaModel(handle);
    }

    /// <summary>Token ids of UTF-8 text (which may be invalid UTF-8).</summary>
    /// <param name="text">The bytes.</param>
    /// <param name="addSpecial">Adds what the model wants around a text (BOS, EOS).</param>
    /// <param name="parseSpecial">Reads control tokens written out in the text as tokens.</param>
    public unsafe int[] Tokenize(ReadOnlySpan<byte> text, bool addSpecial, bool parseSpecial)
    {
        // A byte that is not UTF-8 becomes a character of three bytes, each perhaps a token.
        int[] tokens = new int[text.Length * 3 + 8];
        fixed (byte* textPointer = text)
        fixed (int* tokenPointer = tokens)
        {
            byte nothing = 0;
            int count = LlamaNative.llama_tokenize(
                _vocab, text.IsEmpty ? &nothing : textPointer, text.Length,
                tokenPointer, tokens.Length,
                addSpecial ? (byte)1 : (byte)0, parseSpecial ? (byte)1 : (byte)0);
            return count >= 0
                ? tokens[..count]
                : throw new InvalidOperationException($"llama_tokenize needs {-count} tokens");
        }
    }

    /// <summary>Token ids of a string, control tokens read as tokens.</summary>
    public int[] Tokenize(string text) =>
        Tokenize(Encoding.UTF8.GetBytes(text), addSpecial: false, parseSpecial: true);

    /// <summary>Bytes of one token.</summary>
    /// <param name="token">Token id.</param>
    /// <param name="special">Writes control tokens out instead of leaving them empty.</param>
    public unsafe byte[] TokenBytes(int token, bool special)
    {
        byte[] buffer = new byte[64];
        while (true)
        {
            fixed (byte* pointer = buffer)
            {
                int length = LlamaNative.llama_token_to_piece(
                    _vocab, token, pointer, buffer.Length, 0, special ? (byte)1 : (byte)0);
                if (length >= 0)
                {
                    return buffer[..length];
                }
                buffer = new byte[-length];
            }
        }
    }

    /// <summary>Bytes of a run of tokens.</summary>
    /// <param name="tokens">Token ids.</param>
    /// <param name="special">Writes control tokens out instead of leaving them empty.</param>
    public unsafe byte[] Detokenize(ReadOnlySpan<int> tokens, bool special)
    {
        byte[] buffer = new byte[tokens.Length * 16 + 16];
        while (true)
        {
            fixed (int* tokenPointer = tokens)
            fixed (byte* pointer = buffer)
            {
                int length = LlamaNative.llama_detokenize(
                    _vocab, tokenPointer, tokens.Length, pointer, buffer.Length,
                    0, special ? (byte)1 : (byte)0);
                if (length >= 0)
                {
                    return buffer[..length];
                }
                buffer = new byte[-length];
            }
        }
    }

    /// <summary>True when the token ends a generation.</summary>
    public bool IsEndOfGeneration(int token) =>
        LlamaNative.llama_vocab_is_eog(_vocab, token) != 0;

    /// <inheritdoc/>
    public void Dispose() => Handle.Dispose();
}
