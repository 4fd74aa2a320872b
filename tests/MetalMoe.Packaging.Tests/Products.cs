using NUnit.Framework;

namespace MetalMoe.Packaging.Tests;

/// <summary>
/// What <c>build.sh</c> publishes and packs, each made once in a test run by the command that
/// people use.
/// </summary>
internal static class Products
{
    // build.sh ends so when the machine lacks a compiler.
    private const int Missing = 3;

    private static readonly Lazy<ToolResult> PublishedCli = new(() => Build("publish", "cli"));
    private static readonly Lazy<ToolResult> PublishedLibrary = new(() => Build("publish", "lib"));
    private static readonly Lazy<ToolResult> Packed = new(() => Build("pack"));

    /// <summary>The program compiled ahead of time.</summary>
    public static string Cli() =>
        Tool.PathOf(Require(PublishedCli, "artifacts/publish/metalmoe"));

    /// <summary>The folder with the C library and its header.</summary>
    public static string Library() =>
        Tool.PathOf(Require(PublishedLibrary, "artifacts/publish/lib"));

    /// <summary>The folder with the packages.</summary>
    public static string Packages() => Tool.PathOf(Require(Packed, "artifacts/packages"));

    private static ToolResult Build(params string[] arguments)
    {
        if (OperatingSystem.IsWindows())
        {
            return new ToolResult(Missing, "", "build.sh needs a Unix shell");
        }
        return Tool.Run(Tool.PathOf("build.sh"), arguments);
    }

    private static string Require(Lazy<ToolResult> product, string path)
    {
        if (product.Value.ExitCode == Missing)
        {
            Assert.Ignore(product.Value.Error.Trim());
        }
        Assert.That(product.Value.ExitCode, Is.Zero, product.Value.All);
        Assert.That(product.Value.Output, Does.Contain(path));
        return path;
    }
}
