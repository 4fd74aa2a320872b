namespace MetalMoe.Core.Tests.House;

/// <summary>The checked-out files, found from the test binary upwards.</summary>
internal static class Repository
{
    private static readonly string[] Skipped =
        ["bin", "obj", "artifacts", "node_modules", ".git", ".vs", "TestResults"];

    public static string Root { get; } = FindRoot();

    /// <summary>Paths with forward slashes, relative to the root, sorted.</summary>
    public static IReadOnlyList<string> Files { get; } = [.. Walk(Root).Order(
        StringComparer.Ordinal)];

    public static string Read(string path) => File.ReadAllText(Path.Combine(Root, path));

    private static IEnumerable<string> Walk(string folder)
    {
        foreach (string file in Directory.EnumerateFiles(folder))
        {
            yield return Path.GetRelativePath(Root, file).Replace('\\', '/');
        }
        foreach (string child in Directory.EnumerateDirectories(folder))
        {
            if (!Skipped.Contains(Path.GetFileName(child)))
            {
                foreach (string file in Walk(child))
                {
                    yield return file;
                }
            }
        }
    }

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null;
            folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "MetalMoe.sln")))
            {
                return folder.FullName;
            }
        }
        throw new InvalidOperationException("MetalMoe.sln is in no folder above the tests");
    }
}
