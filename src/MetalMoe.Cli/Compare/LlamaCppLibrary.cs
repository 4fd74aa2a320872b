using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using MetalMoe.Core;

namespace MetalMoe.Cli.Compare;

/// <summary>
/// llama.cpp's shared library, found at run time: where it lies, which version it is, and the
/// functions a comparison calls. It is loaded once and stays loaded.
/// </summary>
internal sealed unsafe class LlamaCppLibrary
{
    /// <summary>Names a folder or library file where no option does.</summary>
    public const string EnvironmentVariable = "METALMOE_LLAMA";

    private const string SupportedVersion = "0.5.";

    private static string? s_lastError;

    private readonly nint _llama;
    private readonly nint _ggml;

    private LlamaCppLibrary(string path)
    {
        Path = path;
        _ggml = LoadLibrary(FindSibling(path, "ggml") ?? path);
        _llama = LoadLibrary(path);
        CheckVersion();
        LogSet = (delegate* unmanaged[Cdecl]<
            delegate* unmanaged[Cdecl]<int, byte*, void*, void>, void*, void>)Llama("log_set");
        LogSet(&KeepErrors, null);
        LoadBackends();
        ((delegate* unmanaged[Cdecl]<void>)Llama("backend_init"))();
        ModelFromFile = (delegate* unmanaged[Cdecl]<byte*, LlamaModelParams, nint>)
            Llama("model_load_from_file");
        ModelFree = (delegate* unmanaged[Cdecl]<nint, void>)Llama("model_free");
        ContextFromModel = (delegate* unmanaged[Cdecl]<nint, LlamaContextParams, nint>)
            Llama("init_from_model");
        ContextFree = (delegate* unmanaged[Cdecl]<nint, void>)Llama("free");
        Memory = (delegate* unmanaged[Cdecl]<nint, nint>)Llama("get_memory");
        MemoryClear = (delegate* unmanaged[Cdecl]<nint, byte, void>)Llama("memory_clear");
        Decode = (delegate* unmanaged[Cdecl]<nint, LlamaBatch, int>)Llama("decode");
        Synchronize = (delegate* unmanaged[Cdecl]<nint, void>)Llama("synchronize");
        Logits = (delegate* unmanaged[Cdecl]<nint, int, float*>)Llama("get_logits_ith");
        VocabularySize = (delegate* unmanaged[Cdecl]<nint, int>)Llama("vocab_n_tokens");
        Vocabulary = (delegate* unmanaged[Cdecl]<nint, nint>)Llama("model_get_vocab");
        AttachThreadPool = (delegate* unmanaged[Cdecl]<nint, nint, nint, void>)
            Llama("attach_threadpool");
        SystemInfo = Compact(Text(
            ((delegate* unmanaged[Cdecl]<byte*>)Llama("print_system_info"))()));
    }

    /// <summary>The library file.</summary>
    public string Path { get; }

    /// <summary>What <c>llama_version</c> says.</summary>
    public string Version { get; private set; } = "";

    /// <summary>What <c>llama_print_system_info</c> says is on: instruction sets and the like.
    /// </summary>
    public string SystemInfo { get; }

    /// <summary>The last error that llama.cpp logged.</summary>
    public static string LastError => s_lastError ?? "no reason given";

    public delegate* unmanaged[Cdecl]<byte*, LlamaModelParams, nint> ModelFromFile { get; }

    public delegate* unmanaged[Cdecl]<nint, void> ModelFree { get; }

    public delegate* unmanaged[Cdecl]<nint, LlamaContextParams, nint> ContextFromModel { get; }

    public delegate* unmanaged[Cdecl]<nint, void> ContextFree { get; }

    public delegate* unmanaged[Cdecl]<nint, nint> Memory { get; }

    public delegate* unmanaged[Cdecl]<nint, byte, void> MemoryClear { get; }

    public delegate* unmanaged[Cdecl]<nint, LlamaBatch, int> Decode { get; }

    public delegate* unmanaged[Cdecl]<nint, void> Synchronize { get; }

    public delegate* unmanaged[Cdecl]<nint, int, float*> Logits { get; }

    public delegate* unmanaged[Cdecl]<nint, int> VocabularySize { get; }

    public delegate* unmanaged[Cdecl]<nint, nint> Vocabulary { get; }

    public delegate* unmanaged[Cdecl]<nint, nint, nint, void> AttachThreadPool { get; }

    private delegate* unmanaged[Cdecl]<
        delegate* unmanaged[Cdecl]<int, byte*, void*, void>, void*, void> LogSet
    { get; }

    /// <summary>Finds and loads the library.</summary>
    /// <param name="path">A folder, or the library file; null takes the environment variable.
    /// </param>
    /// <exception cref="MetalMoeException">It is not there, cannot be loaded, or is of a version
    /// whose structs this program does not know.</exception>
    public static LlamaCppLibrary Load(string? path)
    {
        string? given = string.IsNullOrEmpty(path)
            ? Environment.GetEnvironmentVariable(EnvironmentVariable) : path;
        if (string.IsNullOrEmpty(given))
        {
            throw new MetalMoeException(
                "[compare] llama.cpp: expected its shared library, got none; name its folder "
                + $"with --llama or in {EnvironmentVariable}");
        }
        string? file = Directory.Exists(given) ? FindIn(given, "llama") : given;
        if (file is null || !File.Exists(file))
        {
            throw new MetalMoeException(
                $"[compare] llama.cpp: expected libllama, got no such library ({given})");
        }
        return new LlamaCppLibrary(System.IO.Path.GetFullPath(file));
    }

    /// <summary>The library's own settings for a model.</summary>
    /// <exception cref="MetalMoeException">The struct has another layout.</exception>
    public LlamaModelParams ModelDefaults()
    {
        var defaults = ((delegate* unmanaged[Cdecl]<LlamaModelParams>)
            Llama("model_default_params"))();
        return defaults.HasKnownDefaults ? defaults : throw OtherLayout("llama_model_params");
    }

    /// <summary>The library's own settings for a context.</summary>
    /// <exception cref="MetalMoeException">The struct has another layout.</exception>
    public LlamaContextParams ContextDefaults()
    {
        var defaults = ((delegate* unmanaged[Cdecl]<LlamaContextParams>)
            Llama("context_default_params"))();
        return defaults.HasKnownDefaults ? defaults : throw OtherLayout("llama_context_params");
    }

    /// <summary>
    /// A pool of threads that stay between two calls, as llama.cpp's own programs make it;
    /// without one the library starts its threads anew for every token. Zero when the CPU part
    /// of the library cannot make one. It lives as long as the process.
    /// </summary>
    public nint CreateThreadPool(int threads)
    {
        const int CpuDevice = 0;
        nint device = ((delegate* unmanaged[Cdecl]<int, nint>)
            Ggml("ggml_backend_dev_by_type"))(CpuDevice);
        if (device == 0)
        {
            return 0;
        }
        nint registry = ((delegate* unmanaged[Cdecl]<nint, nint>)
            Ggml("ggml_backend_dev_backend_reg"))(device);
        nint create;
        fixed (byte* name = "ggml_threadpool_new"u8)
        {
            create = ((delegate* unmanaged[Cdecl]<nint, byte*, nint>)
                Ggml("ggml_backend_reg_get_proc_address"))(registry, name);
        }
        if (create == 0)
        {
            return 0;
        }
        // The parameters are filled in by the library; only their size must be large enough.
        byte* parameters = stackalloc byte[4096];
        ((delegate* unmanaged[Cdecl]<byte*, int, void>)
            Ggml("ggml_threadpool_params_init"))(parameters, threads);
        return ((delegate* unmanaged[Cdecl]<byte*, nint>)create)(parameters);
    }

    /// <summary>UTF-8 with a terminating zero.</summary>
    public static byte[] NullTerminated(string text)
    {
        byte[] bytes = new byte[Encoding.UTF8.GetByteCount(text) + 1];
        Encoding.UTF8.GetBytes(text, bytes);
        return bytes;
    }

    private void CheckVersion()
    {
        if (!NativeLibrary.TryGetExport(_llama, "llama_version", out nint version))
        {
            throw new MetalMoeException(
                $"[compare] llama.cpp: expected version {SupportedVersion}x, got one that does "
                + $"not tell its version ({Path})");
        }
        Version = Text(((delegate* unmanaged[Cdecl]<byte*>)version)());
        if (!Version.TrimStart('v').StartsWith(SupportedVersion, StringComparison.Ordinal))
        {
            throw new MetalMoeException(
                $"[compare] llama.cpp: expected version {SupportedVersion}x, got {Version} "
                + $"({Path})");
        }
    }

    private void LoadBackends()
    {
        string folder = System.IO.Path.GetDirectoryName(Path)!;
        fixed (byte* name = NullTerminated(folder))
        {
            ((delegate* unmanaged[Cdecl]<byte*, void>)
                Ggml("ggml_backend_load_all_from_path"))(name);
        }
    }

    private nint Llama(string name) => Export(_llama, $"llama_{name}");

    /// <summary>A function of libggml or of a library that it needs.</summary>
    private nint Ggml(string name) =>
        NativeLibrary.TryGetExport(_ggml, name, out nint address) ? address
        : NativeLibrary.TryGetExport(_llama, name, out address) ? address
        : FindSibling(Path, "ggml-base") is { } file ? Export(LoadLibrary(file), name)
        : throw Missing(name);

    private nint Export(nint library, string name) =>
        NativeLibrary.TryGetExport(library, name, out nint address)
            ? address : throw Missing(name);

    private MetalMoeException Missing(string name) => new(
        $"[compare] llama.cpp {Version}: expected the function {name}, got none ({Path})");

    private MetalMoeException OtherLayout(string name) => new(
        $"[compare] llama.cpp {Version}: expected {name} as in v{SupportedVersion}0, got another "
        + $"layout ({Path})");

    private static nint LoadLibrary(string path)
    {
        try
        {
            return NativeLibrary.Load(path);
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
        {
            string reason = e.Message.Split('\n')[0];
            throw new MetalMoeException(
                $"[compare] llama.cpp: expected a library of this machine, got {reason}", e);
        }
    }

    private static string? FindSibling(string path, string name) =>
        FindIn(System.IO.Path.GetDirectoryName(path)!, name);

    /// <summary>The release puts its version into some file names: libllama.v0.5.0.so.</summary>
    private static string? FindIn(string folder, string name)
    {
        string prefix = OperatingSystem.IsWindows() ? $"{name}." : $"lib{name}.";
        return Directory.EnumerateFiles(folder)
            .Where(f => System.IO.Path.GetFileName(f).StartsWith(prefix, StringComparison.Ordinal)
                && IsLibrary(f))
            .OrderBy(f => f.Length)
            .FirstOrDefault();
    }

    private static bool IsLibrary(string file) =>
        file.EndsWith(".so", StringComparison.Ordinal)
        || file.Contains(".so.", StringComparison.Ordinal)
        || file.EndsWith(".dylib", StringComparison.Ordinal)
        || file.EndsWith(".dll", StringComparison.Ordinal);

    /// <summary><c>CPU : SSE3 = 1 | AVX = 1 |</c> as <c>CPU SSE3 AVX</c>: all that is on.
    /// </summary>
    private static string Compact(string systemInfo) => string.Join(' ', systemInfo
        .Split('|', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
        .Where(part => part.EndsWith("= 1", StringComparison.Ordinal))
        .Select(part => part[..^3].Replace(":", "", StringComparison.Ordinal).Trim())
        .Select(part => part.Replace("  ", " ", StringComparison.Ordinal)));

    private static string Text(byte* text) =>
        (Marshal.PtrToStringUTF8((nint)text) ?? "").Trim();

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void KeepErrors(int level, byte* text, void* state)
    {
        const int ErrorLevel = 4;
        if (level == ErrorLevel)
        {
            s_lastError = Text(text);
        }
    }
}
