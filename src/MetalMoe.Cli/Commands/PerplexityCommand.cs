using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using MetalMoe.Cli.Output;

namespace MetalMoe.Cli.Commands;

/// <summary><c>metalmoe perplexity</c>: how well a model predicts a text.</summary>
internal static class PerplexityCommand
{
    private static readonly ModelArguments Model = new();

    private static readonly Option<string> File = new("--file", "-f")
    {
        Description = "The text, UTF-8",
        HelpName = "FILE",
        Required = true,
    };

    private static readonly Option<int> Context = new("--context", "-c")
    {
        Description = "Tokens of a chunk; the second half of each is scored",
        HelpName = "N",
        DefaultValueFactory = _ => 512,
    };

    private static readonly Option<int> Stride = new("--stride")
    {
        Description = "Distance between overlapping chunks, 0 for chunks side by side",
        HelpName = "N",
    };

    private static readonly Option<int> Chunks = new("--chunks")
    {
        Description = "Score only so many chunks, 0 for all",
        HelpName = "N",
    };

    private static readonly Option<bool> Json = new("--json") { Description = "As JSON" };

    public static Command Create()
    {
        var command = new ExampleCommand("perplexity",
            "Measures the perplexity of a text as llama-perplexity counts it.",
            "metalmoe perplexity -m MODEL --file book.txt",
            "metalmoe perplexity -m MODEL --file book.txt --context 512 --json");
        Model.AddTo(command, withContext: false);
        foreach (var option in (Option[])[File, Context, Stride, Chunks, Json])
        {
            command.Add(option);
        }
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parsed)
    {
        var options = Usage.Check(
            new PerplexityOptions
            {
                ContextLength = parsed.GetValue(Context),
                Stride = parsed.GetValue(Stride),
                MaxChunks = parsed.GetValue(Chunks),
            },
            o => o.Validate());
        byte[] text = await global::System.IO.File.ReadAllBytesAsync(
            parsed.GetRequiredValue(File)).ConfigureAwait(false);
        using var interrupt = new Interrupt();
        await using var model = await Model.LoadAsync(parsed, options.Adjust, interrupt.Token)
            .ConfigureAwait(false);
        await using var session = model.CreateSession();
        PerplexityResult result;
        using (var bar = new ProgressLine("perplexity"))
        {
            result = await Perplexity.MeasureAsync(
                session, Perplexity.Encode(model, text), options, new Reporter(bar),
                interrupt.Token).ConfigureAwait(false);
        }
        using var output = new StandardOutput();
        output.WriteLine(parsed.GetValue(Json)
            ? JsonSerializer.Serialize(
                new PerplexityJson(result.Perplexity, result.ScoredTokens),
                CliJson.Readable.PerplexityJson)
            : string.Create(CultureInfo.InvariantCulture,
                $"perplexity {result.Perplexity:f4} +/- {result.StandardError:f4} "
                + $"({result.ScoredTokens} tokens scored in {result.Chunks} chunks)"));
        output.Flush();
        return 0;
    }

    private sealed class Reporter(ProgressLine bar) : IProgress<PerplexityProgress>
    {
        public void Report(PerplexityProgress value) => bar.Report(
            (double)value.Chunk / value.Chunks,
            value.Perplexity.ToString("f4", CultureInfo.InvariantCulture));
    }
}
