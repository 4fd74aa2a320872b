using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using MetalMoe.Cli.Output;
using MetalMoe.Core.Synthesis;

namespace MetalMoe.Cli.Commands;

/// <summary><c>metalmoe synth</c>: a model file with random weights.</summary>
internal static class SynthCommand
{
    private static readonly Option<string> Preset = new("--preset")
    {
        Description = "Shape: " + string.Join(", ", SynthesisShape.Presets.Keys),
        HelpName = "NAME",
        DefaultValueFactory = _ => "tiny",
    };

    private static readonly Option<string> Path = new("--output", "-o")
    {
        Description = "The GGUF file to write",
        HelpName = "FILE",
        Required = true,
    };

    private static readonly Option<int?> Layers = new("--layers")
    {
        Description = "Layers, instead of the preset's",
        HelpName = "N",
    };

    private static readonly Option<string> Quant = new("--quant")
    {
        Description = "Weight formats: " + string.Join(", ", QuantMix.Names),
        HelpName = "NAME",
        DefaultValueFactory = _ => "q4_k_m",
    };

    private static readonly Option<ulong> Seed = new("--seed")
    {
        Description = "Same options and seed, same bytes",
        HelpName = "N",
        DefaultValueFactory = _ => 1,
    };

    private static readonly Option<string?> Vocabulary = new("--vocab")
    {
        Description = "A GGUF file whose vocabulary is copied",
        HelpName = "FILE",
    };

    private static readonly Option<bool> Json = new("--json") { Description = "As JSON" };

    public static Command Create()
    {
        var command = new ExampleCommand("synth",
            "Writes a model file of real shape with random weights, for tests and benchmarks.",
            "metalmoe synth -o tiny.gguf",
            "metalmoe synth --preset qwen3.5-35b-a3b --layers 12 --quant q4_k_m -o big.gguf");
        foreach (var option in (Option[])[Path, Preset, Layers, Quant, Seed, Vocabulary, Json])
        {
            command.Add(option);
        }
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parsed)
    {
        string preset = parsed.GetRequiredValue(Preset);
        if (!SynthesisShape.Presets.TryGetValue(preset, out var shape))
        {
            throw new UsageException($"--preset: expected one of "
                + $"{string.Join(", ", SynthesisShape.Presets.Keys)}, got '{preset}'");
        }
        string quant = parsed.GetRequiredValue(Quant);
        if (!QuantMix.Names.Contains(quant))
        {
            throw new UsageException($"--quant: expected one of "
                + $"{string.Join(", ", QuantMix.Names)}, got '{quant}'");
        }
        if (parsed.GetValue(Layers) is { } layers)
        {
            shape = layers >= 1 ? shape with { Layers = layers }
                : throw new UsageException($"--layers: expected at least 1, got {layers}");
        }
        string path = parsed.GetRequiredValue(Path);
        var options = new SynthesisOptions
        {
            Shape = shape,
            Quant = quant,
            Seed = parsed.GetValue(Seed),
            VocabularyFile = parsed.GetValue(Vocabulary),
        };
        using var interrupt = new Interrupt();
        using (var bar = new ProgressLine("writing"))
        {
            await Task.Run(() => ModelSynthesizer.Write(
                path, options, new Reporter(bar), interrupt.Token)).ConfigureAwait(false);
        }
        long bytes = new FileInfo(path).Length;
        using var output = new StandardOutput();
        output.WriteLine(parsed.GetValue(Json)
            ? JsonSerializer.Serialize(new SynthJson(path, bytes), CliJson.Readable.SynthJson)
            : string.Create(CultureInfo.InvariantCulture, $"{path}: {bytes:n0} bytes"));
        output.Flush();
        return 0;
    }

    private sealed class Reporter(ProgressLine bar) : IProgress<(long Written, long Total)>
    {
        public void Report((long Written, long Total) value) =>
            bar.Report((double)value.Written / value.Total);
    }
}
