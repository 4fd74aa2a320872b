using NUnit.Framework;

namespace MetalMoe.Oracle.Tests;

/// <summary>
/// Where the independent implementations and texts lie that <c>tests/peers/install.sh</c> brings.
/// A test that needs one calls <see cref="Require"/> first; without it the test is skipped and
/// says why.
/// </summary>
public static class Peers
{
    private static readonly Lazy<string> Root = new(FindRepositoryRoot);

    /// <summary>The folder of <c>MetalMoe.sln</c>.</summary>
    public static string RepositoryRoot => Root.Value;

    /// <summary>A bundled model, by file name.</summary>
    public static string BundledModel(string fileName) =>
        Path.Combine(RepositoryRoot, "models", fileName);

    /// <summary>Source tree of the llama.cpp release the prebuilt library is made of:
    /// <c>include/</c>, <c>models/ggml-vocab-*.gguf</c>, <c>models/templates/</c>.</summary>
    public static string LlamaSource => Path.Combine(Folder, "llama.cpp");

    /// <summary>Folder of <c>libllama</c>, <c>libggml-base</c> and the CPU backends; empty when
    /// they are not installed.</summary>
    public static string LlamaLibraries
    {
        get
        {
            string scope = Path.Combine(NodeModules, "@node-llama-cpp");
            return !Directory.Exists(scope)
                ? ""
                : Directory.EnumerateFiles(scope, "libllama.*", SearchOption.AllDirectories)
                    .Select(Path.GetDirectoryName)
                    .FirstOrDefault() ?? "";
        }
    }

    /// <summary>npm packages of the peers.</summary>
    public static string NodeModules => Path.Combine(Folder, "node_modules");

    private static string Folder => Path.Combine(RepositoryRoot, "artifacts", "peers");

    /// <summary>Skips the running test, visibly, unless llama.cpp and its source are there.
    /// </summary>
    public static void Require()
    {
        if (Missing() is { } reason)
        {
            Assert.Ignore($"{reason}; remedy: run tests/peers/install.sh");
        }
    }

    /// <summary>Path of a bundled model; skips the running test when it is not there.</summary>
    public static string RequireModel(string fileName)
    {
        string path = BundledModel(fileName);
        if (!File.Exists(path))
        {
            Assert.Ignore($"models/{fileName} is not in this checkout");
        }
        return path;
    }

    /// <summary>The chapters of Moby Dick in order, as one text.</summary>
    public static string MobyDick()
    {
        Require();
        string data = Path.Combine(NodeModules, "@stdlib", "datasets-moby-dick", "data");
        var chapters = Enumerable.Range(1, 135)
            .Select(i => File.ReadAllText(Path.Combine(data, $"chapter_{i}.txt")));
        return string.Join("\n\n", chapters);
    }

    private static string? Missing()
    {
        if (LlamaLibraries.Length > 0 && File.Exists(Path.Combine(Folder, "READY")))
        {
            return null;
        }
        string marker = Path.Combine(Folder, "UNAVAILABLE");
        return File.Exists(marker)
            ? $"llama.cpp peer not available ({File.ReadAllText(marker).Trim()})"
            : "llama.cpp peer not installed";
    }

    private static string FindRepositoryRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory);
            folder is not null;
            folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "MetalMoe.sln")))
            {
                return folder.FullName;
            }
        }
        throw new DirectoryNotFoundException(
            $"no MetalMoe.sln above {AppContext.BaseDirectory}");
    }
}
