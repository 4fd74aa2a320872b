using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

[assembly: DisableRuntimeMarshalling]

namespace MetalMoe.Oracle.Tests.LlamaCpp;

/// <summary>
/// The C functions of libllama and libggml that the tests call. Layouts follow
/// <c>include/llama.h</c> and <c>ggml/include/ggml.h</c> of the pinned release, v0.5.0.
/// </summary>
internal static unsafe partial class LlamaNative
{
    private const string Llama = "llama";
    private const string Ggml = "ggml";
    private const string GgmlBase = "ggml-base";

    [ThreadStatic]
    private static string? s_lastError;

    static LlamaNative()
    {
        NativeLibrary.SetDllImportResolver(typeof(LlamaNative).Assembly, Resolve);
        llama_log_set(&KeepErrors, null);
        fixed (byte* folder = NullTerminated(Peers.LlamaLibraries))
        {
            ggml_backend_load_all_from_path(folder);
        }
        llama_backend_init();
    }

    /// <summary>The last error line llama.cpp logged on this thread.</summary>
    public static string LastError => s_lastError ?? "no reason logged";

    /// <summary>UTF-8 with a terminating zero.</summary>
    public static byte[] NullTerminated(string text)
    {
        byte[] bytes = new byte[System.Text.Encoding.UTF8.GetMaxByteCount(text.Length) + 1];
        System.Text.Encoding.UTF8.GetBytes(text, bytes);
        return bytes;
    }

    [LibraryImport(Llama)]
    public static partial void llama_backend_init();

    [LibraryImport(Llama)]
    public static partial LlamaModelParams llama_model_default_params();

    [LibraryImport(Llama)]
    public static partial LlamaContextParams llama_context_default_params();

    [LibraryImport(Llama)]
    public static partial LlamaModelHandle llama_model_load_from_file(
        byte* path, LlamaModelParams parameters);

    [LibraryImport(Llama)]
    public static partial void llama_model_free(nint model);

    [LibraryImport(Llama)]
    public static partial LlamaContextHandle llama_init_from_model(
        LlamaModelHandle model, LlamaContextParams parameters);

    [LibraryImport(Llama)]
    public static partial void llama_free(nint context);

    [LibraryImport(Llama)]
    public static partial nint llama_model_get_vocab(LlamaModelHandle model);

    [LibraryImport(Llama)]
    public static partial int llama_vocab_n_tokens(nint vocab);

    [LibraryImport(Llama)]
    public static partial byte llama_vocab_is_eog(nint vocab, int token);

    [LibraryImport(Llama)]
    public static partial int llama_tokenize(
        nint vocab, byte* text, int textLength, int* tokens, int capacity,
        byte addSpecial, byte parseSpecial);

    [LibraryImport(Llama)]
    public static partial int llama_token_to_piece(
        nint vocab, int token, byte* buffer, int length, int leftStrip, byte special);

    [LibraryImport(Llama)]
    public static partial int llama_detokenize(
        nint vocab, int* tokens, int count, byte* text, int capacity,
        byte removeSpecial, byte unparseSpecial);

    [LibraryImport(Llama)]
    public static partial int llama_decode(LlamaContextHandle context, LlamaBatch batch);

    [LibraryImport(Llama)]
    public static partial float* llama_get_logits_ith(LlamaContextHandle context, int row);

    [LibraryImport(Llama)]
    public static partial nint llama_get_memory(LlamaContextHandle context);

    [LibraryImport(Llama)]
    public static partial void llama_memory_clear(nint memory, byte data);

    [LibraryImport(Llama)]
    public static partial void llama_log_set(
        delegate* unmanaged[Cdecl]<int, byte*, void*, void> callback, void* state);

    [LibraryImport(Ggml)]
    public static partial void ggml_backend_load_all_from_path(byte* folder);

    [LibraryImport(GgmlBase)]
    public static partial GgmlTypeTraits* ggml_get_type_traits(int type);

    [LibraryImport(GgmlBase)]
    public static partial nuint ggml_quantize_chunk(
        int type, float* source, void* destination, long start, long rows, long columns,
        float* importance);

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? path)
    {
        // The release puts its version into some file names (libllama.v0.5.0.so), not in all.
        string? file = Directory.EnumerateFiles(Peers.LlamaLibraries, $"lib{name}.*")
            .FirstOrDefault();
        return file is null ? 0 : NativeLibrary.Load(file);
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void KeepErrors(int level, byte* text, void* state)
    {
        const int ErrorLevel = 4;
        if (level == ErrorLevel)
        {
            s_lastError = Marshal.PtrToStringUTF8((nint)text)?.Trim();
        }
    }
}
