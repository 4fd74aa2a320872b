using System.Diagnostics;
using System.Text;
using System.Threading.Channels;
using NUnit.Framework;

namespace MetalMoe.Cli.Tests;

/// <summary>What a finished run of the program left.</summary>
internal sealed record CliResult(int ExitCode, string Output, string Error)
{
    /// <summary>The one line on standard error, without its line break.</summary>
    public string ErrorLine
    {
        get
        {
            string line = Error.TrimEnd('\n');
            Assert.That(line, Does.Not.Contain('\n'), "more than one line on standard error");
            return line;
        }
    }
}

/// <summary>The program as users start it: a process with arguments, pipes and signals.</summary>
internal sealed class MetalMoeProcess : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);
    private readonly Process _process;
    private readonly Task<string> _error;
    private readonly Channel<string> _errorLines = Channel.CreateUnbounded<string>();

    private MetalMoeProcess(string[] arguments)
    {
        string program = Path.Combine(
            AppContext.BaseDirectory, "MetalMoe.Cli" + (OperatingSystem.IsWindows() ? ".exe" : ""));
        // A test run started in the background ignores Ctrl-C, and children inherit that.
        ProcessStartInfo start = OperatingSystem.IsLinux()
            ? new("env", ["--default-signal=INT", program, .. arguments])
            : new(program, arguments);
        start.RedirectStandardInput = true;
        start.RedirectStandardOutput = true;
        start.RedirectStandardError = true;
        start.StandardInputEncoding = new UTF8Encoding(false);
        start.StandardOutputEncoding = new UTF8Encoding(false);
        _process = Process.Start(start)!;
        _error = ReadErrorAsync();
    }

    public static string Root { get; } = FindRoot();

    public static string Q4Model { get; } =
        Path.Combine(Root, "models", "tiny-qwen35moe-q4_k_m.gguf");

    public StreamWriter Input => _process.StandardInput;

    public StreamReader Output => _process.StandardOutput;

    public static MetalMoeProcess Start(params string[] arguments) => new(arguments);

    /// <summary>Runs the program to its end.</summary>
    public static CliResult Run(params string[] arguments) => RunWithInput("", arguments);

    public static CliResult RunWithInput(string input, params string[] arguments)
    {
        using var process = new MetalMoeProcess(arguments);
        var output = process.Output.ReadToEndAsync();
        try
        {
            process.Input.Write(input);
            process.Input.Close();
        }
        catch (IOException)
        {
            // It ended without reading: its exit code tells more than this.
        }
        return process.Finish(output);
    }

    /// <summary>Waits for a line on standard error.</summary>
    public async Task<string> ReadErrorLineAsync(string part)
    {
        using var patience = new CancellationTokenSource(Patience);
        await foreach (string line in _errorLines.Reader.ReadAllAsync(patience.Token))
        {
            if (line.Contains(part, StringComparison.Ordinal))
            {
                return line;
            }
        }
        throw new InvalidOperationException($"metalmoe ended without '{part}': {await _error}");
    }

    /// <summary>Waits for the end.</summary>
    public CliResult Finish(Task<string>? output = null)
    {
        output ??= Output.ReadToEndAsync();
        if (!_process.WaitForExit(Patience))
        {
            _process.Kill();
            throw new TimeoutException("metalmoe does not end");
        }
        return new CliResult(_process.ExitCode, output.Result, _error.Result);
    }

    /// <summary>Ctrl-C.</summary>
    public void Interrupt()
    {
        using var kill = Process.Start("kill", ["-INT", $"{_process.Id}"]);
        kill.WaitForExit();
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }
        _process.Dispose();
    }

    private async Task<string> ReadErrorAsync()
    {
        var all = new StringBuilder();
        while (await _process.StandardError.ReadLineAsync() is { } line)
        {
            all.Append(line).Append('\n');
            _errorLines.Writer.TryWrite(line);
        }
        _errorLines.Writer.Complete();
        return all.ToString();
    }

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
