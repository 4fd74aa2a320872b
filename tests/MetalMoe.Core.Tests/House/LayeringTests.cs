using System.Text.RegularExpressions;
using System.Xml.Linq;
using NUnit.Framework;

namespace MetalMoe.Core.Tests.House;

[TestFixture]
public sealed partial class LayeringTests
{
    /// <summary>Which projects a project under src/ may refer to.</summary>
    private static readonly Dictionary<string, string[]> Projects = new()
    {
        ["MetalMoe.Core"] = [],
        ["MetalMoe.Cpu"] = ["MetalMoe.Core"],
        ["MetalMoe.Metal"] = ["MetalMoe.Core"],
        ["MetalMoe"] = ["MetalMoe.Core", "MetalMoe.Cpu", "MetalMoe.Metal"],
        ["MetalMoe.Cli"] = ["MetalMoe", "MetalMoe.Server"],
        ["MetalMoe.CApi"] = ["MetalMoe"],
        ["MetalMoe.Server"] = ["MetalMoe"],
    };

    /// <summary>Which folders a folder of Core may use; itself always.</summary>
    private static readonly Dictionary<string, string[]> Folders = new()
    {
        ["Quants"] = [],
        ["Gguf"] = ["Quants"],
        ["Tensors"] = ["Gguf", "Quants"],
        ["Plan"] = ["Tensors", "Quants"],
        ["Models"] = ["Plan", "Tensors", "Gguf", "Quants"],
        ["Runtime"] = ["Plan", "Tensors"],
        ["Text"] = ["Gguf"],
        ["Synthesis"] = ["Gguf", "Quants", "Models"],
    };

    [Test]
    public void Projects_refer_only_downwards()
    {
        string[] projects = [.. Repository.Files.Where(f =>
            f.StartsWith("src/", StringComparison.Ordinal)
            && f.EndsWith(".csproj", StringComparison.Ordinal))];
        string[] broken = [.. projects.SelectMany(f => CheckProject(f, Repository.Read(f)))];

        Assert.That(projects, Has.Length.GreaterThanOrEqualTo(4));
        Assert.That(broken, Is.Empty, string.Join('\n', broken));
    }

    [Test]
    public void Folders_of_Core_use_only_the_folders_below_them()
    {
        string[] sources = [.. Repository.Files.Where(f =>
            f.StartsWith("src/MetalMoe.Core/", StringComparison.Ordinal)
            && f.EndsWith(".cs", StringComparison.Ordinal))];
        string[] broken = [.. sources.SelectMany(f => CheckSource(f, Repository.Read(f)))];

        Assert.That(sources, Has.Length.GreaterThan(20));
        Assert.That(broken, Is.Empty, string.Join('\n', broken));
    }

    [Test]
    public void A_planted_reference_upwards_is_found()
    {
        const string Upwards = """
            <Project><ItemGroup>
              <ProjectReference Include="../MetalMoe.Cpu/MetalMoe.Cpu.csproj" />
              <PackageReference Include="Newtonsoft.Json" />
            </ItemGroup></Project>
            """;

        Assert.That(CheckProject("src/MetalMoe.Core/MetalMoe.Core.csproj", Upwards).ToArray(),
            Has.Length.EqualTo(2));
        Assert.That(CheckProject("src/MetalMoe.Cli/MetalMoe.Cli.csproj", Upwards).ToArray(),
            Has.Length.EqualTo(1));
    }

    [TestCase("Runtime/A.cs", "using MetalMoe.Core.Text;\n")]
    [TestCase("Models/A.cs", "using MetalMoe.Core.Runtime;\n")]
    [TestCase("Quants/A.cs", "class A { MetalMoe.Core.Gguf.GgufFile? f; }\n")]
    [TestCase("Text/Deep/A.cs", "using static MetalMoe.Core.Plan.PlanBuilder;\n")]
    [TestCase("Attic/A.cs", "class A;\n")]
    public void A_planted_use_of_a_forbidden_folder_is_found(string file, string text) =>
        Assert.That(CheckSource("src/MetalMoe.Core/" + file, text), Is.Not.Empty);

    [TestCase("Runtime/Sampling/A.cs", "using MetalMoe.Core.Plan; // not MetalMoe.Core.Text\n")]
    [TestCase("Text/A.cs", "namespace MetalMoe.Core.Text;\nusing MetalMoe.Core.Gguf;\n")]
    [TestCase("MetalMoeException.cs", "namespace MetalMoe.Core;\n")]
    public void An_allowed_use_is_let_through(string file, string text) =>
        Assert.That(CheckSource("src/MetalMoe.Core/" + file, text), Is.Empty);

    private static IEnumerable<string> CheckProject(string path, string text)
    {
        string name = Path.GetFileNameWithoutExtension(path);
        var project = XDocument.Parse(text);
        if (!Projects.TryGetValue(name, out string[]? allowed))
        {
            yield return $"{path}: {name} has no place in the layering rules";
            yield break;
        }
        foreach (var reference in project.Descendants("ProjectReference"))
        {
            string include = reference.Attribute("Include")!.Value.Replace('\\', '/');
            string target = Path.GetFileNameWithoutExtension(include);
            if (!allowed.Contains(target))
            {
                yield return $"{path}: {name} may not refer to {target}";
            }
        }
        if (name == "MetalMoe.Core" && project.Descendants("PackageReference").Any())
        {
            yield return $"{path}: Core refers to nothing outside .NET";
        }
    }

    private static IEnumerable<string> CheckSource(string path, string text)
    {
        string[] parts = path.Split('/');
        string folder = parts.Length > 3 ? parts[2] : "";
        string[]? allowed = [];
        if (folder.Length > 0 && !Folders.TryGetValue(folder, out allowed))
        {
            yield return $"{path}: folder {folder} has no place in the layering rules";
            yield break;
        }
        foreach (Match match in CoreFolder().Matches(CSharpText.BlankLiterals(text)))
        {
            string used = match.Groups[1].Value;
            if (used != folder && Folders.ContainsKey(used) && !allowed.Contains(used))
            {
                yield return $"{path}: {folder} may not use {used}";
            }
        }
    }

    [GeneratedRegex(@"\bMetalMoe\.Core\.([A-Z]\w*)")]
    private static partial Regex CoreFolder();
}
