using System.Diagnostics;
using NUnit.Framework;

namespace MetalMoe.Tests;

/// <summary>The samples run, as processes of their own.</summary>
[TestFixture]
public sealed class SampleTests
{
    [Test]
    public async Task McpTools_calls_a_tool_of_a_server_and_answers()
    {
        var (exitCode, output, errors) = await RunAsync("McpTools", TinyModel.Path);

        TestContext.Out.WriteLine(output);
        Assert.That(exitCode, Is.Zero, errors);
        Assert.That(output, Does.Contain("tools: add, reverse").Or.Contain("tools: reverse, add"));
        Assert.That(output, Does.Match("call: add -> .*\\d").And.Contain("answer: "));
    }

    [Test]
    public async Task McpTools_says_what_is_wrong_in_one_line()
    {
        var missing = await RunAsync("McpTools", "no.gguf");
        var usage = await RunAsync("McpTools");

        Assert.That((missing.ExitCode, usage.ExitCode), Is.EqualTo((1, 2)));
        Assert.That(missing.Errors.Trim(), Does.Contain("no.gguf").And.Not.Contain("\n"));
        Assert.That(usage.Errors, Does.StartWith("usage:"));
    }

    private static async Task<(int ExitCode, string Output, string Errors)> RunAsync(
        string sample, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, sample + ".dll"));
        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, output, await errors);
    }
}
