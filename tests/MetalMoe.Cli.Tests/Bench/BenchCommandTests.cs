using System.Diagnostics;
using System.Text.Json;
using System.Xml.Linq;
using MetalMoe.Cli.Compare;
using NUnit.Framework;

namespace MetalMoe.Cli.Tests.Bench;

/// <summary><c>bench</c> and <c>compare</c> as a shell sees them: exit codes and streams.
/// </summary>
public sealed class BenchCommandTests
{
    [TestCase("bench -m x.gguf -p 0", "--prefill")]
    [TestCase("bench -m x.gguf -p 12,many", "many")]
    [TestCase("bench -m x.gguf -d -1", "--depth")]
    [TestCase("bench -m x.gguf -r 0", "--repetitions")]
    [TestCase("bench -m x.gguf --cache q1", "q1")]
    [TestCase("bench -m x.gguf --json --csv", "--csv")]
    [TestCase("bench -m x.gguf -n 0 -p ,", "--decode")]
    [TestCase("bench", "--model")]
    [TestCase("compare -m x.gguf --pairs 0", "--pairs")]
    [TestCase("compare -m x.gguf -p 100 -n 10 -c 50", "--context")]
    public void A_wrong_option_ends_with_2_and_one_line_that_names_it(
        string arguments, string named)
    {
        var (code, output, error) = Run(arguments);

        Assert.That(code, Is.EqualTo(2), error);
        Assert.That(output, Is.Empty);
        Assert.That(error.TrimEnd(), Does.Contain(named).And.Not.Contains("\n"));
    }

    [TestCase("compare -m MODEL", "METALMOE_LLAMA")]
    [TestCase("compare -m MODEL --llama /no/such/folder", "/no/such/folder")]
    [TestCase("bench -m /no/such.gguf", "/no/such.gguf")]
    [TestCase("bench -m MODEL --device abacus", "abacus")]
    public void What_is_missing_ends_with_1_and_one_line_that_names_it(
        string arguments, string named)
    {
        var (code, output, error) = Run(arguments);

        Assert.That(code, Is.EqualTo(1), error);
        Assert.That(output, Is.Empty);
        Assert.That(error.TrimEnd(), Does.Contain(named).And.Not.Contains("\n"));
    }

    [Test]
    public void Bench_prints_nothing_but_json_when_asked_to()
    {
        var (code, output, error) = Run(
            "bench -m MODEL -p 8 -n 2 -d 0 -r 1 -t 1 --json --warm");

        Assert.That(code, Is.Zero, error);
        Assert.That(error, Is.Empty);
        using var json = JsonDocument.Parse(output);
        Assert.That(
            json.RootElement.EnumerateArray().Select(r => r.GetProperty("test").GetString()),
            Is.EqualTo(["pp8", "tg2"]));
    }

    [Test]
    public void Compare_writes_a_table_and_a_chart()
    {
        string library = LlamaCppTests.RequireLibrary();
        string folder = Directory.CreateTempSubdirectory("metalmoe-").FullName;
        string markdown = Path.Combine(folder, "table.md");
        string svg = Path.Combine(folder, "chart.svg");

        var (code, output, error) = Run(
            $"compare -m MODEL --llama {library} -p 8 -n 2 -r 1 -t 1 --parity 4 "
            + $"--markdown {markdown} --svg {svg}");

        Assert.That(code, Is.Zero, error);
        Assert.That(output, Does.Contain("llama.cpp").And.Contain("parity:"));
        Assert.That(File.ReadAllText(markdown), Does.Contain("| pp8 |").And.Contain("| tg2@d8 |"));
        Assert.That(XDocument.Load(svg).Root!.Name.LocalName, Is.EqualTo("svg"));
        Directory.Delete(folder, recursive: true);
    }

    private static (int Code, string Output, string Error) Run(string arguments)
    {
        var start = new ProcessStartInfo(
            Path.Combine(AppContext.BaseDirectory, "MetalMoe.Cli"),
            arguments.Split(' ').Select(a => a == "MODEL" ? TinyModel.Bundled : a))
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment.Remove(LlamaCppLibrary.EnvironmentVariable);
        using var process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, error.Result);
    }
}
