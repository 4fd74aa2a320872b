using System.Runtime.InteropServices;

namespace MetalMoe.Metal.Interop;

/// <summary>
/// Finds the native library: the file or folder that METALMOE_NATIVE names, the program's own
/// folder, or <c>artifacts/native</c> of the checkout the program was built in.
/// </summary>
internal static class NativeLibraryLoader
{
    /// <summary>Names the library's file or its folder.</summary>
    public const string Variable = "METALMOE_NATIVE";

    private static readonly Lock s_lock = new();
    private static nint s_handle;
    private static string? s_failure;

    /// <summary>File name of the library on this system.</summary>
    public static string FileName =>
        OperatingSystem.IsMacOS() ? "libmetalmoe.dylib" : "libmetalmoe.so";

    /// <summary>Loads the library once and checks its version.</summary>
    /// <exception cref="MetalException">It is missing, cannot be loaded or has another version;
    /// one line that says what to do.</exception>
    public static void Load()
    {
        lock (s_lock)
        {
            if (s_handle == 0 && s_failure is null)
            {
                s_failure = TryLoad();
            }
            if (s_failure is not null)
            {
                throw new MetalException(s_failure);
            }
        }
    }

    /// <summary>The first file that exists, or null.</summary>
    public static string? Find(string? named, string programFolder)
    {
        if (!string.IsNullOrEmpty(named))
        {
            return Directory.Exists(named)
                ? Existing(Path.Combine(named, FileName)) : Existing(named);
        }
        if (Existing(Path.Combine(programFolder, FileName)) is { } beside)
        {
            return beside;
        }
        for (var folder = new DirectoryInfo(programFolder); folder is not null;
            folder = folder.Parent)
        {
            string file = Path.Combine(folder.FullName, "artifacts", "native", FileName);
            if (Existing(file) is { } built)
            {
                return built;
            }
        }
        return null;
    }

    private static string? Existing(string path) => File.Exists(path) ? path : null;

    private static string? TryLoad()
    {
        if (!OperatingSystem.IsMacOS() && !OperatingSystem.IsLinux())
        {
            return "[metal] system: expected macOS or Linux";
        }
        string? named = Environment.GetEnvironmentVariable(Variable);
        string? path = Find(named, AppContext.BaseDirectory);
        if (path is null)
        {
            return string.IsNullOrEmpty(named)
                ? $"[metal] {FileName}: not built; install {Packages} and run ./build.sh build"
                : $"[metal] {Variable}: expected {FileName}, got no such file ({named})";
        }
        try
        {
            s_handle = NativeLibrary.Load(path);
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
        {
            string reason = e.Message.ReplaceLineEndings(" ");
            return $"[metal] {FileName}: cannot be loaded, install {Packages}: {reason}";
        }
        NativeLibrary.SetDllImportResolver(
            typeof(NativeLibraryLoader).Assembly,
            static (name, _, _) => name == NativeMethods.Library ? s_handle : 0);
        _ = NativeMethods.mm_abi_version(out uint version);
        return version == NativeMethods.AbiVersion ? null
            : $"[metal] {FileName}: expected interface {NativeMethods.AbiVersion}, got {version}; "
                + $"rebuild it with ./build.sh build ({path})";
    }

    private static string Packages => OperatingSystem.IsMacOS()
        ? "Xcode's command line tools"
        : "clang-19 and libgnustep-base-dev (native/install-deps.sh does it)";
}
