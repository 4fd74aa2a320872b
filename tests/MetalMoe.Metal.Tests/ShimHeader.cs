using System.Diagnostics;
using System.Text.Json;
using NUnit.Framework;

namespace MetalMoe.Metal.Tests;

/// <summary>What clang reads in <c>native/include/metalmoe.h</c>.</summary>
internal sealed class ShimHeader
{
    private readonly JsonElement[] _declarations;

    private ShimHeader(JsonElement[] declarations) => _declarations = declarations;

    /// <summary>Path of the header.</summary>
    public static string Path { get; } =
        System.IO.Path.Combine(Root(), "native", "include", "metalmoe.h");

    /// <summary>Functions with the C types of their parameters, in order.</summary>
    public IEnumerable<(string Name, string Returns, (string Name, string Type)[] Parameters)>
        Functions => Of("FunctionDecl").Select(f => (
            Text(f, "name"),
            Type(f).Split('(')[0].Trim(),
            Children(f, "ParmVarDecl").Select(p => (Text(p, "name"), Type(p))).ToArray()));

    /// <summary>Structs with fields, and the C types of these.</summary>
    public IEnumerable<(string Name, (string Name, string Type)[] Fields)> Structs =>
        Of("RecordDecl").Where(r => r.TryGetProperty("completeDefinition", out _)).Select(r => (
            Text(r, "name"),
            Children(r, "FieldDecl").Select(f => (Text(f, "name"), Type(f))).ToArray()));

    /// <summary>Enumerators and their values.</summary>
    public IReadOnlyDictionary<string, long> Enumerators =>
        Of("EnumDecl").SelectMany(e => Children(e, "EnumConstantDecl")).ToDictionary(
            c => Text(c, "name"), c => long.Parse(Value(c)));

    /// <summary>Reads the header; ignores the test without clang.</summary>
    public static ShimHeader Read()
    {
        string json = Clang(
            "-x", "c", "-std=c11", "-fsyntax-only", "-Xclang", "-ast-dump=json", Path);
        using var document = JsonDocument.Parse(
            json, new JsonDocumentOptions { MaxDepth = 512 });
        JsonElement[] all = [.. document.RootElement.Clone().GetProperty("inner")
            .EnumerateArray()];
        return new ShimHeader(
            [.. all.Where(d => d.TryGetProperty("name", out var n)
                    ? n.GetString()!.StartsWith("mm_", StringComparison.Ordinal)
                    : d.GetProperty("kind").GetString() == "EnumDecl")]);
    }

    /// <summary>What clang prints; ignores the test without clang.</summary>
    public static string Clang(params string[] arguments)
    {
        string clang = Tool() ?? "";
        if (clang.Length == 0)
        {
            Assert.Ignore("clang is not installed (native/install-deps.sh)");
        }
        var start = new ProcessStartInfo(clang, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.That(process.ExitCode, Is.Zero, errors.Result);
        return output;
    }

    /// <summary>Folder of the checkout.</summary>
    public static string Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(System.IO.Path.Combine(folder!.FullName, "MetalMoe.sln")))
        {
            folder = folder.Parent;
        }
        return folder.FullName;
    }

    private static string? Tool() =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(System.IO.Path.PathSeparator)
            .SelectMany(f => new[] { "clang-19", "clang" }.Select(
                n => System.IO.Path.Combine(f, n)))
            .FirstOrDefault(File.Exists);

    private IEnumerable<JsonElement> Of(string kind) =>
        _declarations.Where(d => Text(d, "kind") == kind);

    private static IEnumerable<JsonElement> Children(JsonElement parent, string kind) =>
        parent.TryGetProperty("inner", out var inner)
            ? inner.EnumerateArray().Where(c => Text(c, "kind") == kind) : [];

    private static string Text(JsonElement element, string name) =>
        element.GetProperty(name).GetString()!;

    private static string Type(JsonElement element) =>
        Text(element.GetProperty("type"), "qualType");

    private static string Value(JsonElement constant)
    {
        // The constant is folded in the first descendant that carries a value.
        JsonElement at = constant;
        while (!at.TryGetProperty("value", out _))
        {
            at = at.GetProperty("inner")[0];
        }
        return Text(at, "value");
    }
}
