using System.Diagnostics;
using System.Text;
using NUnit.Framework;

namespace MetalMoe.Packaging.Tests;

/// <summary>What a finished program left.</summary>
internal sealed record ToolResult(int ExitCode, string Output, string Error)
{
    /// <summary>Both streams, for the message of a failed test.</summary>
    public string All => $"exit status {ExitCode}\n{Output}\n{Error}";
}

/// <summary>Runs programs from the root of the repository.</summary>
internal static class Tool
{
    // A compilation ahead of time on a busy machine with two processors.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(15);

    public static string Root { get; } = FindRoot();

    public static string Model { get; } = Path.Combine(
        Root, "models", "tiny-qwen35moe-q4_k_m.gguf");

    /// <summary>The ordinary build of the program.</summary>
    public static string JitProgram { get; } = Path.Combine(
        AppContext.BaseDirectory, "MetalMoe.Cli");

    public static string PathOf(params string[] parts) => Path.Combine([Root, .. parts]);

    public static ToolResult Run(string program, params string[] arguments) =>
        RunWithInput("", program, arguments);

    public static ToolResult RunWithInput(
        string input, string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = Root,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardInputEncoding = new UTF8Encoding(false),
            StandardOutputEncoding = new UTF8Encoding(false),
        };
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        try
        {
            process.StandardInput.Write(input);
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It ended without reading: its exit status tells more than this.
        }
        if (!process.WaitForExit(Patience))
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{program} does not end");
        }
        return new ToolResult(process.ExitCode, output.Result, error.Result);
    }

    /// <summary>As <see cref="Run"/>; a failure of the program fails the test.</summary>
    public static string Succeed(string program, params string[] arguments)
    {
        var result = Run(program, arguments);
        Assert.That(result.ExitCode, Is.Zero, $"{program} {string.Join(' ', arguments)}: "
            + result.All);
        return result.Output;
    }

    /// <summary>Text that the ordinary program writes for a prompt, greedily.</summary>
    public static string GreedyText(string prompt, int maxTokens) => Succeed(
        JitProgram, "run", "-m", Model, "-p", prompt, "--temperature", "0", "--max-tokens",
        $"{maxTokens}").TrimEnd('\n');

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder!.FullName, "MetalMoe.sln")))
        {
            folder = folder.Parent;
        }
        return folder.FullName;
    }
}
