using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace MetalMoe.Cli.Compare;

/// <summary>
/// mlx_lm's own benchmark, where Python has that module. It reads no GGUF file, so it needs the
/// model in its own format, and it times itself: its figures stand beside the pairs, not in them.
/// </summary>
internal static partial class MlxPeer
{
    /// <summary>Runs it if it can; says in one line what came of it.</summary>
    public static MlxResult Measure(CompareOptions options, CancellationToken cancellation)
    {
        string? version = Python(["-c", "import mlx_lm; print(mlx_lm.__version__)"],
            cancellation)?.Trim();
        if (string.IsNullOrEmpty(version))
        {
            return new MlxResult("mlx_lm: not found (python3 has no such module)", null, null);
        }
        if (options.MlxModel is not { } model)
        {
            return new MlxResult(
                $"mlx_lm {version}: found, not run; name the model in MLX format with --mlx",
                null, null);
        }
        string? output = Python(
            [
                "-m", "mlx_lm", "benchmark", "--model", model,
                "-p", options.Prefill.ToString(CultureInfo.InvariantCulture),
                "-g", options.Decode.ToString(CultureInfo.InvariantCulture),
                "-n", options.Pairs.ToString(CultureInfo.InvariantCulture),
            ],
            cancellation);
        return Parse(version, model, output);
    }

    /// <summary>Reads the line with the averages.</summary>
    internal static MlxResult Parse(string version, string model, string? output)
    {
        Match match = Averages().Match(output ?? "");
        return match.Success
            ? new MlxResult($"mlx_lm {version}: {model}", Number(match, 1), Number(match, 2))
            : new MlxResult($"mlx_lm {version}: its benchmark failed ({model})", null, null);
    }

    private static double Number(Match match, int group) =>
        double.Parse(match.Groups[group].ValueSpan, CultureInfo.InvariantCulture);

    /// <summary>What python3 printed; null when it is not there or failed.</summary>
    private static string? Python(string[] arguments, CancellationToken cancellation)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo("python3", arguments)
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            });
            if (process is null)
            {
                return null;
            }
            using var stop = cancellation.Register(() => process.Kill(entireProcessTree: true));
            process.ErrorDataReceived += (_, _) => { };
            process.BeginErrorReadLine();
            string output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            cancellation.ThrowIfCancellationRequested();
            return process.ExitCode == 0 ? output : null;
        }
        catch (Win32Exception)
        {
            return null;
        }
    }

    [GeneratedRegex(@"Averages: prompt_tps=([0-9.]+), generation_tps=([0-9.]+)")]
    private static partial Regex Averages();
}
