using System.IO.Compression;
using System.Text;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using NUnit.Framework;

namespace MetalMoe.Packaging.Tests;

/// <summary>The packages, and programs that know nothing but them.</summary>
[TestFixture]
public sealed partial class PackageTests
{
    private static readonly string[] Libraries =
        ["MetalMoe", "MetalMoe.Core", "MetalMoe.Cpu", "MetalMoe.Metal"];

    [TestCaseSource(nameof(Libraries))]
    public void A_package_brings_its_assembly_documentation_readme_and_symbols(string name)
    {
        string package = Single($"{name}.[0-9]*.nupkg");
        string symbols = Single($"{name}.[0-9]*.snupkg");

        Assert.That(Entries(package), Is.SupersetOf(new[]
        {
            $"lib/net10.0/{name}.dll", $"lib/net10.0/{name}.xml", "README.md", $"{name}.nuspec",
        }));
        Assert.That(Entries(symbols), Does.Contain($"lib/net10.0/{name}.pdb"));
        Assert.That(NamesThisMachine(package), Is.Empty);
        Assert.That(NamesThisMachine(symbols), Is.Empty);
    }

    [Test]
    public void The_main_package_depends_on_the_others_and_on_their_version()
    {
        string package = Single("MetalMoe.[0-9]*.nupkg");
        var nuspec = XDocument.Load(new MemoryStream(Read(package, "MetalMoe.nuspec")));
        string version = nuspec.Descendants().Single(e => e.Name.LocalName == "version").Value;
        var dependencies = nuspec.Descendants()
            .Where(e => e.Name.LocalName == "dependency")
            .ToDictionary(e => e.Attribute("id")!.Value, e => e.Attribute("version")!.Value);

        foreach (string library in Libraries[1..])
        {
            Assert.That(dependencies.GetValueOrDefault(library), Is.EqualTo(version), library);
        }
    }

    [Test]
    public void The_embedding_sample_runs_from_the_packages()
    {
        Products.Packages();
        string project = Tool.PathOf("samples", "Embed", "Embed.csproj");
        Tool.Succeed("dotnet", "build", project, "-c", "Release", "--nologo", "-v", "quiet");

        string text = Tool.Succeed(
            "dotnet", Tool.PathOf("samples", "Embed", "bin", "Release", "net10.0", "Embed.dll"),
            Tool.Model, "Once upon a time", "48");

        Assert.That(text.TrimEnd('\n'), Is.EqualTo(Tool.GreedyText("Once upon a time", 48)));
        Assert.That(Directory.Exists(Tool.PathOf("artifacts", "sample-packages", "metalmoe.core")),
            "the sample was not built from the packages");
    }

    [Test]
    public void The_examples_of_the_readmes_compile_against_the_packages()
    {
        Products.Packages();
        string folder = Tool.PathOf("artifacts", "readme-example");
        string[] examples = [.. new[] { "README.md", "src/MetalMoe/README.md" }
            .SelectMany(f => Example().Matches(File.ReadAllText(Tool.PathOf(f))))
            .Select(m => m.Groups[1].Value)];
        Assert.That(examples, Has.Length.GreaterThanOrEqualTo(2));
        Directory.CreateDirectory(folder);
        string[] usings = [.. examples.SelectMany(e => Using().Matches(e)).Select(m => m.Value)
            .Append("using MetalMoe;").Append("using Microsoft.Extensions.AI;").Distinct()];
        File.WriteAllText(Path.Combine(folder, "Examples.cs"),
            string.Join('\n', usings) + "\n#pragma warning disable CS1998 // without an await\n"
            + "static class Examples\n{\n" + string.Concat(examples.Select((e, i) =>
                $"    static async Task Example{i}()\n    {{\n{Using().Replace(e, "")}    }}\n"))
            + "}\n");
        File.WriteAllText(Path.Combine(folder, "Program.cs"), "return 0;\n");
        foreach (string file in (string[])["Directory.Build.props", "Directory.Packages.props"])
        {
            File.Copy(Tool.PathOf("samples", "Embed", file), Path.Combine(folder, file), true);
        }
        File.Copy(Tool.PathOf("samples", "Embed", "Embed.csproj"),
            Path.Combine(folder, "ReadmeExample.csproj"), overwrite: true);
        File.WriteAllText(Path.Combine(folder, "nuget.config"),
            File.ReadAllText(Tool.PathOf("samples", "Embed", "nuget.config"))
                .Replace("../../artifacts/", "../", StringComparison.Ordinal));

        Tool.Succeed("dotnet", "build", Path.Combine(folder, "ReadmeExample.csproj"), "-c",
            "Release", "--nologo", "-v", "quiet");
    }

    [Test]
    public void A_native_package_without_its_file_is_refused_in_one_clear_line()
    {
        var result = Tool.Run("dotnet", "pack", Tool.PathOf("native", "package"), "--nologo",
            "-v", "quiet", "-p:AssetPlatform=osx-arm64", "-p:AssetPath=/no/such/shim.dylib", "-o",
            Tool.PathOf("artifacts", "native-package-test"));

        Assert.That(result.ExitCode, Is.Not.Zero);
        Assert.That(result.Output + result.Error, Does.Contain(
            "[pack] MetalMoe.NativeAssets.osx-arm64: expected the built shim at "
            + "/no/such/shim.dylib, found no file"));
    }

    [TestCase("osx-arm64", "libmetalmoe.dylib")]
    [TestCase("linux-x64", "libmetalmoe.so")]
    public void A_native_package_has_its_file_where_dotnet_looks_for_it(
        string platform, string file)
    {
        string folder = Tool.PathOf("artifacts", "native-package-test");
        Directory.CreateDirectory(folder);
        byte[] content = Encoding.ASCII.GetBytes($"stands for {file}");
        string asset = Path.Combine(folder, file);
        File.WriteAllBytes(asset, content);
        Tool.Succeed("dotnet", "pack", Tool.PathOf("native", "package"), "--nologo", "-v",
            "quiet", $"-p:AssetPlatform={platform}", $"-p:AssetPath={asset}", "-o", folder);

        string package = Directory.EnumerateFiles(
            folder, $"MetalMoe.NativeAssets.{platform}.*.nupkg").Single();

        Assert.That(Read(package, $"runtimes/{platform}/native/{file}"), Is.EqualTo(content));
        Assert.That(Entries(package), Has.None.StartsWith("lib/"));
        Assert.That(Entries(package), Does.Contain("README.md"));
    }

    private static string Single(string pattern)
    {
        var name = new Regex("^" + pattern.Replace(".", @"\.", StringComparison.Ordinal)
            .Replace("*", ".*", StringComparison.Ordinal) + "$");
        return Directory.EnumerateFiles(Products.Packages())
            .Single(f => name.IsMatch(Path.GetFileName(f)));
    }

    private static string[] Entries(string package)
    {
        using var zip = ZipFile.OpenRead(package);
        return [.. zip.Entries.Select(e => e.FullName)];
    }

    private static byte[] Read(string package, string entry)
    {
        using var zip = ZipFile.OpenRead(package);
        using var stream = zip.GetEntry(entry)!.Open();
        using var bytes = new MemoryStream();
        stream.CopyTo(bytes);
        return bytes.ToArray();
    }

    /// <summary>Entries that hold the path of this checkout.</summary>
    private static string[] NamesThisMachine(string package)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(Tool.Root + "/");
        byte[] utf16 = Encoding.Unicode.GetBytes(Tool.Root + "/");
        return [.. Entries(package).Where(e =>
        {
            ReadOnlySpan<byte> content = Read(package, e);
            return content.IndexOf(utf8) >= 0 || content.IndexOf(utf16) >= 0;
        })];
    }

    [GeneratedRegex(@"^using [\w.]+;$", RegexOptions.Multiline)]
    private static partial Regex Using();

    [GeneratedRegex(@"^```csharp\n(.*?)^```$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Example();
}
