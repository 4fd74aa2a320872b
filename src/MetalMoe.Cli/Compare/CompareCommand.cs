using System.CommandLine;
using MetalMoe.Cli.Bench;
using MetalMoe.Cli.Output;
using MetalMoe.Core.Runtime;

namespace MetalMoe.Cli.Compare;

/// <summary><c>metalmoe compare</c>: this engine and llama.cpp in turn on the same tokens.
/// </summary>
internal static class CompareCommand
{
    private static readonly ModelArguments Arguments = new();

    private static readonly Option<string?> Llama = new("--llama")
    {
        Description = "llama.cpp's shared library or its folder; without it "
            + $"{LlamaCppLibrary.EnvironmentVariable} tells",
        HelpName = "PATH",
    };

    private static readonly Option<bool> NoRepack = new("--no-repack")
    {
        Description = "Keep llama.cpp from copying weights into a faster layout (saves memory)",
    };

    private static readonly Option<string?> Mlx = new("--mlx")
    {
        Description = "The model in MLX format, to run mlx_lm's benchmark beside",
        HelpName = "PATH",
    };

    private static readonly Option<int> Prefill = new("--prefill", "-p")
    {
        Description = "Tokens of the prompt",
        HelpName = "N",
        DefaultValueFactory = _ => 512,
    };

    private static readonly Option<int> Decode = new("--decode", "-n")
    {
        Description = "Tokens decoded after it",
        HelpName = "N",
        DefaultValueFactory = _ => 64,
    };

    private static readonly Option<int> Pairs = new("--pairs", "-r")
    {
        Description = "Timed pairs, after one that does not count",
        HelpName = "N",
        DefaultValueFactory = _ => 5,
    };

    private static readonly Option<int> Parity = new("--parity")
    {
        Description = "Positions to compare the logits at, 0 for none",
        HelpName = "N",
        DefaultValueFactory = _ => 64,
    };

    private static readonly Option<string> Cache = new("--cache")
    {
        Description = "Format of keys and values: f16, f32",
        HelpName = "NAME",
        DefaultValueFactory = _ => Numbers.Name(CacheFormat.F16),
    };

    private static readonly Option<string?> Markdown = new("--markdown")
    {
        Description = "Write a table in Markdown to this file",
        HelpName = "FILE",
    };

    private static readonly Option<string?> Svg = new("--svg")
    {
        Description = "Write a bar chart in SVG to this file",
        HelpName = "FILE",
    };

    private static readonly Option<bool> Json = new("--json") { Description = "As JSON" };

    /// <summary>The command.</summary>
    public static Command Create()
    {
        var command = new ExampleCommand("compare",
            "Times MetalMoe and llama.cpp in alternating pairs and compares their logits.",
            "metalmoe compare -m MODEL --llama /usr/local/lib",
            "metalmoe compare -m MODEL -p 512 -n 64 -r 7 --markdown table.md --svg chart.svg");
        Arguments.AddTo(command);
        Arguments.Context.Description = "Positions of both caches, 0 for what the tests need";
        foreach (var option in (Option[])
            [Llama, NoRepack, Mlx, Prefill, Decode, Pairs, Parity, Cache, Markdown, Svg, Json])
        {
            command.Add(option);
        }
        command.SetAction(Run);
        return command;
    }

    private static int Run(ParseResult parsed)
    {
        CompareOptions options = Read(parsed);
        using var interrupt = new Interrupt();
        CompareReport report;
        using (var bar = new ProgressLine("comparing"))
        {
            report = Comparison.Run(options, bar.Report, interrupt.Token);
        }
        if (parsed.GetValue(Markdown) is { } markdown)
        {
            File.WriteAllText(markdown, CompareTables.ToMarkdown(report));
        }
        if (parsed.GetValue(Svg) is { } svg)
        {
            File.WriteAllText(svg, CompareChart.ToSvg(report));
        }
        using var output = new StandardOutput();
        if (parsed.GetValue(Json))
        {
            output.WriteLine(CompareJson.Write(report));
        }
        else
        {
            WriteText(output, report);
        }
        output.Flush();
        return 0;
    }

    private static void WriteText(StandardOutput output, CompareReport report)
    {
        foreach (string line in CompareTables.Head(report))
        {
            output.WriteLine(line);
        }
        output.WriteTable(CompareTables.Create(report));
        foreach (string line in CompareTables.Foot(report))
        {
            output.WriteLine(line);
        }
    }

    private static CompareOptions Read(ParseResult parsed)
    {
        var options = new CompareOptions
        {
            ModelPath = parsed.GetRequiredValue(Arguments.Model),
            LlamaPath = parsed.GetValue(Llama),
            LlamaRepack = !parsed.GetValue(NoRepack),
            MlxModel = parsed.GetValue(Mlx),
            Prefill = Numbers.InRange(
                "--prefill", parsed.GetValue(Prefill), 1, Numbers.MaxTokens),
            Decode = Numbers.InRange("--decode", parsed.GetValue(Decode), 0, Numbers.MaxTokens),
            Pairs = Numbers.InRange("--pairs", parsed.GetValue(Pairs), 1, 1000),
            ParityPositions = Numbers.InRange(
                "--parity", parsed.GetValue(Parity), 0, Numbers.MaxTokens),
            Device = parsed.GetRequiredValue(Arguments.Device),
            Threads = Numbers.InRange(
                "--threads", parsed.GetValue(Arguments.Threads), 0, 1024),
            ContextLength = Numbers.InRange(
                "--context", parsed.GetValue(Arguments.Context), 0, Numbers.MaxTokens * 2),
            CacheFormat = Numbers.Cache(parsed.GetRequiredValue(Cache)),
        };
        int needed = options.NeededContext;
        return options.ContextLength is 0 || options.ContextLength >= needed
            ? options
            : throw new UsageException(
                $"--context: expected at least {needed}, got {options.ContextLength}");
    }
}
