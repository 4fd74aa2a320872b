using System.Text.RegularExpressions;
using NUnit.Framework;

namespace MetalMoe.Packaging.Tests;

/// <summary>The C library through a C compiler, as an application in C uses it.</summary>
[TestFixture]
public sealed partial class CLibraryTests
{
    [Test]
    public void Its_compilation_gives_no_warning()
    {
        Products.Library();
        string log = File.ReadAllText(Tool.PathOf("artifacts", "publish-MetalMoe.CApi.log"));

        Assert.That(log.Trim(), Is.Empty);
    }

    [Test]
    public void The_sample_writes_what_the_program_writes()
    {
        string sample = Compile(Tool.PathOf("samples", "c", "generate.c"));

        string text = Tool.Succeed(sample, Tool.Model, "Once upon a time", "48");

        Assert.That(text, Is.EqualTo(Tool.GreedyText("Once upon a time", 48)));
        Assert.That(text, Is.Not.Empty);
    }

    [Test]
    public void The_sample_reports_a_missing_file_in_one_line()
    {
        string sample = Compile(Tool.PathOf("samples", "c", "generate.c"));

        var result = Tool.Run(sample, "no-such-file.gguf", "x");

        Assert.That(result.ExitCode, Is.EqualTo(1));
        Assert.That(result.Error, Does.Match(@"\Aload: \[.*no-such-file\.gguf.*\n\z"));
    }

    [Test]
    public void Every_promise_of_the_header_is_kept()
    {
        string contract = Compile(
            Tool.PathOf("tests", "MetalMoe.Packaging.Tests", "C", "contract.c"));

        Assert.That(Tool.Succeed(contract, Tool.Model), Is.EqualTo("every promise is kept\n"));
    }

    [Test]
    public void It_exports_what_the_header_declares_and_nothing_else()
    {
        string folder = Products.Library();
        if (!OperatingSystem.IsLinux())
        {
            Assert.Ignore("reads the symbols of an ELF file");
        }
        string header = File.ReadAllText(Path.Combine(folder, "metalmoe_c.h"));
        string symbols = Tool.Succeed("nm", "-D", "--defined-only",
            Path.Combine(folder, "libmetalmoe_c.so"));

        string[] declared = [.. Declaration().Matches(header).Select(m => m.Groups[1].Value)
            .Order(StringComparer.Ordinal)];
        string[] exported = [.. Symbol().Matches(symbols).Select(m => m.Groups[1].Value)
            .Order(StringComparer.Ordinal)];

        Assert.That(declared, Has.Length.GreaterThan(8));
        Assert.That(exported, Is.EqualTo(declared));
    }

    private static string Compile(string source)
    {
        string folder = Products.Library();
        string program = Tool.PathOf("artifacts", Path.GetFileNameWithoutExtension(source));
        Tool.Succeed("cc", "-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-O1",
            "-I", folder, "-o", program, source, "-L", folder, "-lmetalmoe_c", "-lpthread",
            $"-Wl,-rpath,{folder}");
        return program;
    }

    [GeneratedRegex(@"^(?:int32_t|void|metalmoe_status) (metalmoe_\w+)\(", RegexOptions.Multiline)]
    private static partial Regex Declaration();

    [GeneratedRegex(@" T (metalmoe_\w+)")]
    private static partial Regex Symbol();
}
