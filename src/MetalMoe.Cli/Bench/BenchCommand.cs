using System.CommandLine;
using MetalMoe.Cli.Output;
using MetalMoe.Core.Runtime;

namespace MetalMoe.Cli.Bench;

/// <summary><c>metalmoe bench</c>: how fast a model runs here, and how fast it could.</summary>
internal static class BenchCommand
{
    private static readonly ModelArguments Arguments = new();

    private static readonly Option<string> Prefill = new("--prefill", "-p")
    {
        Description = "Prompt lengths, a test each",
        HelpName = "N,N..",
        DefaultValueFactory = _ => "512",
    };

    private static readonly Option<int> Decode = new("--decode", "-n")
    {
        Description = "Tokens to decode, 0 for no decode test",
        HelpName = "N",
        DefaultValueFactory = _ => 64,
    };

    private static readonly Option<string> Depths = new("--depth", "-d")
    {
        Description = "Tokens before the decoded ones, a test each",
        HelpName = "N,N..",
        DefaultValueFactory = _ => "0,512",
    };

    private static readonly Option<int> Repetitions = new("--repetitions", "-r")
    {
        Description = "Timed repetitions of every test, after one that does not count",
        HelpName = "N",
        DefaultValueFactory = _ => 5,
    };

    private static readonly Option<int> Batch = new("--batch", "-b")
    {
        Description = "Most tokens in one step",
        HelpName = "N",
        DefaultValueFactory = _ => 512,
    };

    private static readonly Option<string> Cache = new("--cache")
    {
        Description = "Format of keys and values: "
            + string.Join(", ", Enum.GetValues<CacheFormat>().Select(Numbers.Name)),
        HelpName = "NAME",
        DefaultValueFactory = _ => Numbers.Name(CacheFormat.F16),
    };

    private static readonly Option<bool> Warm = new("--warm")
    {
        Description = "Bring the whole file into memory first",
    };

    private static readonly Option<bool> Json = new("--json") { Description = "As JSON" };

    private static readonly Option<bool> Csv = new("--csv") { Description = "As CSV" };

    /// <summary>The command.</summary>
    public static Command Create()
    {
        var command = new ExampleCommand("bench",
            "Measures prompt and decode speed, and the memory bandwidth they reach.",
            "metalmoe bench -m MODEL",
            "metalmoe bench -m MODEL -p 512,2048 -n 64 -d 0,512,16384 -t 2 --json");
        Arguments.AddTo(command, withContext: false);
        foreach (var option in (Option[])
            [Prefill, Decode, Depths, Repetitions, Batch, Cache, Warm, Json, Csv])
        {
            command.Add(option);
        }
        command.SetAction(Run);
        return command;
    }

    private static int Run(ParseResult parsed)
    {
        BenchOptions options = Read(parsed);
        bool json = parsed.GetValue(Json);
        bool csv = parsed.GetValue(Csv);
        if (json && csv)
        {
            throw new UsageException("--json and --csv: expected one of them, got both");
        }
        using var interrupt = new Interrupt();
        BenchReport report;
        using (var warming = new ProgressLine("warming"))
        using (var bar = new ProgressLine("measuring"))
        {
            report = BenchRunner.Run(
                options, bar.Report, fraction => warming.Report(fraction), interrupt.Token);
        }
        using var output = new StandardOutput();
        if (json)
        {
            output.WriteLine(BenchFormats.ToJson(report));
        }
        else if (csv)
        {
            output.Write(BenchFormats.ToCsv(report));
        }
        else
        {
            foreach (string line in BenchTable.Head(report))
            {
                output.WriteLine(line);
            }
            output.WriteTable(BenchTable.Create(report));
        }
        output.Flush();
        return 0;
    }

    private static BenchOptions Read(ParseResult parsed)
    {
        var options = new BenchOptions
        {
            ModelPath = parsed.GetRequiredValue(Arguments.Model),
            Prefill = Numbers.List(
                "--prefill", parsed.GetRequiredValue(Prefill), 1, Numbers.MaxTokens),
            Decode = Numbers.InRange(
                "--decode", parsed.GetValue(Decode), 0, Numbers.MaxTokens),
            Depths = Numbers.List(
                "--depth", parsed.GetRequiredValue(Depths), 0, Numbers.MaxTokens),
            Repetitions = Numbers.InRange(
                "--repetitions", parsed.GetValue(Repetitions), 1, 1000),
            Device = parsed.GetRequiredValue(Arguments.Device),
            Threads = Numbers.InRange(
                "--threads", parsed.GetValue(Arguments.Threads), 0, 1024),
            CacheFormat = Numbers.Cache(parsed.GetRequiredValue(Cache)),
            BatchTokens = Numbers.InRange("--batch", parsed.GetValue(Batch), 1, 65536),
            Warm = parsed.GetValue(Warm),
        };
        return options.Prefill.Count > 0 || (options.Decode > 0 && options.Depths.Count > 0)
            ? options
            : throw new UsageException("--prefill, --decode: expected a test, got none");
    }
}
