using NUnit.Framework;

namespace MetalMoe.Core.Tests.House;

[TestFixture]
public sealed class TidyTests
{
    [Test]
    public void Every_file_keeps_the_house_rules()
    {
        string[] sources = [.. Repository.Files.Where(IsChecked)];
        string[] broken = [.. sources.SelectMany(f => TidyRules.Check(f, Repository.Read(f)))];

        TestContext.Out.WriteLine($"tidy: {sources.Length} files, {broken.Length} broken rules");
        Assert.That(sources, Has.Length.GreaterThan(100));
        Assert.That(broken, Is.Empty, string.Join('\n', broken));
    }

    [TestCase("src/MetalMoe/A.cs", "// " + "TO" + "DO: later\n", "leaves a")]
    [TestCase("src/MetalMoe/A.cs", "unsafe class A;\n", "unsafe code")]
    [TestCase("src/MetalMoe.Core/Gguf/GgufFile.cs", "unsafe class A;\n", "unsafe code")]
    [TestCase("src/MetalMoe.Metal/A.cs", "[DllImport(\"x\")] extern void F();\n", "LibraryImport")]
    [TestCase("README.md", "# One\n# Two\n", "2 titles")]
    [TestCase("README.md", "## None\n", "0 titles")]
    [TestCase("build.sh", "cd /wo" + "rk/here\n", "names")]
    [TestCase("NOTES.md", "# A\nhttps://www.npm" + "js.org/x\n", "names")]
    public void A_planted_violation_is_found(string path, string text, string expected)
    {
        string[] broken = [.. TidyRules.Check(path, text)];

        Assert.That(broken, Has.Length.EqualTo(1));
        Assert.That(broken[0], Does.Contain(expected));
    }

    [TestCase("src/MetalMoe/A.cs", "class A { string s = \"unsafe\"; } // unsafe\n")]
    [TestCase("src/MetalMoe.Cpu/A.cs", "unsafe class A;\n")]
    [TestCase("README.md", "# One\n```\n# a comment\n```\n## Two\n")]
    public void What_only_looks_like_a_violation_is_let_through(string path, string text) =>
        Assert.That(TidyRules.Check(path, text), Is.Empty);

    [Test]
    public void A_long_line_and_a_long_file_are_found_and_the_limits_themselves_are_allowed()
    {
        string line = new('x', TidyRules.MaxColumns);
        string file = string.Concat(Enumerable.Repeat("//\n", TidyRules.MaxFileLines));

        Assert.That(TidyRules.Check("a.cs", "// " + line[3..] + "\n"), Is.Empty);
        Assert.That(TidyRules.Check("a.cs", "// " + line + "\n").Count(), Is.EqualTo(1));
        Assert.That(TidyRules.Check("a.cs", file), Is.Empty);
        Assert.That(TidyRules.Check("a.cs", file + "//\n").Count(), Is.EqualTo(1));
    }

    [TestCase("{0}void F()\n    {{\n{1}    }}\n", 3)]
    [TestCase("{0}int F(int a = 1) =>\n{1}        a;\n", 2)]
    [TestCase("{0}int P\n    {{\n{1}    }}\n", 3)]
    [TestCase("{0}void F<T>() where T : class\n    {{\n{1}    }}\n", 3)]
    public void A_long_member_is_found_and_the_limit_itself_is_allowed(string shape, int ownLines)
    {
        const string Filler = "        if (x) { y(\"}\"); }\n";
        string Source(int lines) => "namespace N;\n\npublic sealed class A(int x) : B\n{\n"
            + "    private static readonly int[] Table =\n    [\n"
            + string.Concat(Enumerable.Repeat("        1,\n", 90)) + "    ];\n\n"
            + string.Format(shape, "    ", shape.Contains("=>", StringComparison.Ordinal)
                ? string.Concat(Enumerable.Repeat("        1 +\n", lines - ownLines))
                : string.Concat(Enumerable.Repeat(Filler, lines - ownLines))) + "}\n";

        Assert.That(TidyRules.Check("a.cs", Source(TidyRules.MaxMethodLines)), Is.Empty);
        Assert.That(
            TidyRules.Check("a.cs", Source(TidyRules.MaxMethodLines + 1)).ToArray(),
            Has.Length.EqualTo(1));
    }

    private static bool IsChecked(string path) =>
        Path.GetExtension(path) is not (".gguf" or ".delta" or ".bin" or ".png");
}
