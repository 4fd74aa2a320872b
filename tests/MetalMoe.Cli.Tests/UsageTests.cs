using NUnit.Framework;

namespace MetalMoe.Cli.Tests;

/// <summary>A wrong command line is one line that says how to repair it, and exit code 2.
/// </summary>
[TestFixture]
public sealed class UsageTests
{
    private static readonly string[] Commands =
    [
        "run", "chat", "inspect", "tokenize", "perplexity", "logits", "synth", "devices",
        "bench", "compare",
    ];

    [TestCase("run", "--model")]
    [TestCase("run --model M", "--prompt")]
    [TestCase("run --model M --prompt P --temperature hot", "hot")]
    [TestCase("run --model M --prompt P --temperature -1", "temperature")]
    [TestCase("run --model M --prompt P --top-p 2", "top-p")]
    [TestCase("run --model M --prompt P --max-tokens 0", "max tokens")]
    [TestCase("run --model M --prompt P --logit-bias 3", "--logit-bias")]
    [TestCase("run --model M --prompt P --no-such-option", "--no-such-option")]
    [TestCase("logits --model M --tokens a,b", "--tokens")]
    [TestCase("logits --model M --tokens 1 --top 0", "--top")]
    [TestCase("perplexity --model M --file F --context 1", "context")]
    [TestCase("synth", "--output")]
    [TestCase("synth --output F --preset huge", "--preset")]
    [TestCase("synth --output F --quant q1", "--quant")]
    [TestCase("synth --output F --layers 0", "--layers")]
    [TestCase("dance", "dance")]
    public void Exit_code_2_and_one_line(string arguments, string named)
    {
        var result = MetalMoeProcess.Run(arguments.Split(' '));

        Assert.That(result.ExitCode, Is.EqualTo(2), result.Error);
        Assert.That(result.Output, Is.Empty);
        Assert.That(result.ErrorLine, Does.StartWith("metalmoe: ").And.Contains(named));
    }

    [TestCaseSource(nameof(Commands))]
    public void Help_shows_examples(string command)
    {
        var result = MetalMoeProcess.Run(command, "--help");

        Assert.That(result.ExitCode, Is.Zero);
        Assert.That(result.Output, Does.Contain("Usage:").And.Contains("Examples:")
            .And.Contains($"metalmoe {command}"));
        Assert.That(result.Output, Does.Not.Contain('\u001b'));
    }

    [TestCase("metal", ExcludePlatform = "MacOsX")]
    [TestCase("softmetal", IncludePlatform = "MacOsX")]
    [TestCase("abacus")]
    public void A_device_that_is_not_there_is_a_runtime_error_that_says_why(string device)
    {
        var result = MetalMoeProcess.Run(
            "run", "-m", MetalMoeProcess.Q4Model, "-p", "x", "--device", device);

        Assert.That(result.ExitCode, Is.EqualTo(1));
        Assert.That(result.ErrorLine, Does.Contain($"[device] {device}: "));
    }
}
