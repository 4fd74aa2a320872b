using System.Diagnostics;
using System.Runtime.Intrinsics.X86;
using System.Text.Json;
using System.Text.RegularExpressions;
using NUnit.Framework;

namespace MetalMoe.Packaging.Tests;

/// <summary>The program compiled ahead of time against the ordinary one.</summary>
[TestFixture]
public sealed partial class PublishedCliTests
{
    private const string Prompt = "Once upon a time there was";

    [Test]
    public void It_is_one_file_and_its_compilation_gives_no_warning()
    {
        var program = new FileInfo(Products.Cli());
        string log = File.ReadAllText(Tool.PathOf("artifacts", "publish-MetalMoe.Cli.log"));
        string[] beside = [.. Directory.EnumerateFiles(
            Tool.PathOf("artifacts", "aot", "out", "MetalMoe.Cli"))
            .Select(f => Path.GetExtension(f)).Where(e => e is ".dll" or ".so" or ".dylib")];

        TestContext.Out.WriteLine($"published program: {program.Length / 1e6:f1} MB");
        Assert.That(Warning().Matches(log).Select(m => m.Value), Is.Empty);
        Assert.That(beside, Is.Empty);
    }

    [Test]
    public void It_writes_the_same_text()
    {
        string[] arguments = ["run", "-m", Tool.Model, "-p", Prompt, "--temperature", "0",
            "--max-tokens", "64", "--json"];
        var ahead = JsonDocument.Parse(Tool.Succeed(Products.Cli(), arguments)).RootElement;
        var jit = JsonDocument.Parse(Tool.Succeed(Tool.JitProgram, arguments)).RootElement;

        Assert.That(ahead.GetProperty("tokens").GetArrayLength(), Is.GreaterThan(10));
        Assert.That(ahead.GetProperty("tokens").GetRawText(),
            Is.EqualTo(jit.GetProperty("tokens").GetRawText()));
        Assert.That(ahead.GetProperty("text").GetString(),
            Is.EqualTo(jit.GetProperty("text").GetString()));
    }

    [TestCase("inspect", "-m", "MODEL")]
    [TestCase("inspect", "-m", "MODEL", "--json")]
    [TestCase("logits", "-m", "MODEL", "--tokens", "1,2,3", "--top", "5", "--json")]
    [TestCase("tokenize", "-m", "MODEL", "--json")]
    [TestCase("run", "-m", "MODEL", "-p", "A person:", "-n", "24", "--temperature", "0",
        "--chat", "--json-schema", "SCHEMA")]
    [TestCase("--help")]
    [TestCase("run", "--help")]
    [TestCase("run", "--modle", "x")]
    [TestCase("inspect", "-m", "no-such-file.gguf")]
    public void It_says_what_the_ordinary_program_says(params string[] arguments)
    {
        string schema = Path.Combine(TestContext.CurrentContext.WorkDirectory, "person.json");
        File.WriteAllText(schema, """{"type":"object","properties":{"age":{"type":"integer"}}}""");
        string[] real = [.. arguments.Select(a => a.Replace("MODEL", Tool.Model,
            StringComparison.Ordinal).Replace("SCHEMA", schema, StringComparison.Ordinal))];
        var ahead = Tool.RunWithInput("Hello, wörld <|im_end|>", Products.Cli(), real);
        var jit = Tool.RunWithInput("Hello, wörld <|im_end|>", Tool.JitProgram, real);

        Assert.That(ahead.ExitCode, Is.EqualTo(jit.ExitCode), ahead.All);
        Assert.That(ahead.Output, Is.EqualTo(jit.Output));
        Assert.That(Timing().Replace(ahead.Error, ""), Is.EqualTo(Timing().Replace(jit.Error, "")));
        Assert.That(ahead.Output + ahead.Error, Is.Not.Empty);
    }

    [Test]
    public void Its_kernels_use_vectors_of_256_bits_or_more_where_the_processor_has_them()
    {
        string devices = Tool.Succeed(Products.Cli(), "devices");

        if (!Avx2.IsSupported)
        {
            Assert.Ignore("this processor has no AVX2");
        }
        Assert.That(devices, Does.Contain("AVX2").Or.Contain("AVX-512"));
    }

    [TestCase("inspect", "-m", "MODEL")]
    [TestCase("tokenize", "-m", "MODEL")]
    [TestCase("run", "-m", "MODEL", "-p", "Once", "--max-tokens", "1", "--temperature", "0")]
    public void Its_start_is_measured(params string[] arguments)
    {
        string[] real = [.. arguments.Select(a => a == "MODEL" ? Tool.Model : a)];
        double Median(string program)
        {
            var times = new double[5];
            for (int i = 0; i < times.Length; i++)
            {
                long start = Stopwatch.GetTimestamp();
                Assert.That(Tool.RunWithInput("Hello", program, real).ExitCode, Is.Zero);
                times[i] = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            }
            Array.Sort(times);
            return times[times.Length / 2];
        }

        double ahead = Median(Products.Cli());
        double jit = Median(Tool.JitProgram);
        TestContext.Out.WriteLine(
            $"start to end of {arguments[0]}: {ahead:f0} ms, with the JIT {jit:f0} ms");
        Assert.That(ahead, Is.Positive);
    }

    [GeneratedRegex(@"\b(warning|error)\b.*|\bIL[23]\d{3}\b.*", RegexOptions.IgnoreCase)]
    private static partial Regex Warning();

    // The timing line of an answer, and the seed that is drawn for it.
    [GeneratedRegex(@"\[prefill .*")]
    private static partial Regex Timing();
}
