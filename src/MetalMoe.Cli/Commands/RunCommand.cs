using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using MetalMoe.Cli.Output;
using MetalMoe.Core.Text;

namespace MetalMoe.Cli.Commands;

/// <summary><c>metalmoe run</c>: prompt in, text out.</summary>
internal static class RunCommand
{
    private static readonly ModelArguments Model = new();
    private static readonly SamplingArguments Sampling = new();

    private static readonly Option<string> Prompt = new("--prompt", "-p")
    {
        Description = "The text to continue; - reads standard input",
        HelpName = "TEXT",
        Required = true,
    };

    private static readonly Option<bool> Chat = new("--chat")
    {
        Description = "Take the prompt as a question and use the model's chat format",
    };

    private static readonly Option<bool> Json = new("--json")
    {
        Description = "One JSON object at the end instead of streamed text",
    };

    public static Command Create()
    {
        var command = new ExampleCommand("run", "Continues a prompt.",
            "metalmoe run -m MODEL -p \"Once upon a time\" --max-tokens 100",
            "metalmoe run -m MODEL -p \"Once upon a time\" --temperature 0 --json",
            "metalmoe run -m MODEL -p \"A person:\" --json-schema person.json",
            "metalmoe run -m MODEL --prompt - < letter.txt");
        Model.AddTo(command);
        command.Add(Prompt);
        command.Add(Chat);
        Sampling.AddTo(command);
        command.Add(Json);
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parsed)
    {
        var options = Sampling.Read(parsed);
        bool json = parsed.GetValue(Json);
        string prompt = await ReadPromptAsync(parsed.GetRequiredValue(Prompt))
            .ConfigureAwait(false);
        using var interrupt = new Interrupt();
        await using var model = await Model.LoadAsync(parsed, null, interrupt.Token)
            .ConfigureAwait(false);
        await using var session = model.CreateSession();
        if (parsed.GetValue(Chat))
        {
            session.SetTokens(model.Text.EncodeChat([new ChatMessage("user", prompt)], false));
        }
        else if (session.Append(prompt, parseSpecial: true) == 0)
        {
            throw new UsageException("--prompt: expected a text, got none");
        }
        using var output = new StandardOutput();
        var text = new StringBuilder();
        var tokens = new List<int>();
        await foreach (var update in session.GenerateAsync(options, interrupt.Token)
            .ConfigureAwait(false))
        {
            if (update.TokenId is { } id)
            {
                tokens.Add(id);
            }
            text.Append(update.Text);
            if (!json && update.Text.Length > 0)
            {
                output.Write(update.Text);
                output.Flush();
            }
            if (update.Statistics is { } statistics)
            {
                Finish(output, json, text.ToString(), tokens, statistics, options);
            }
        }
        return 0;
    }

    private static void Finish(
        StandardOutput output, bool json, string text, List<int> tokens,
        GenerationStatistics statistics, GenerationOptions options)
    {
        if (json)
        {
            output.WriteLine(JsonSerializer.Serialize(
                new RunJson(text, tokens, statistics.PromptTokens,
                    Math.Round(statistics.PrefillTokensPerSecond, 2),
                    Math.Round(statistics.DecodeTokensPerSecond, 2)),
                CliJson.Readable.RunJson));
            output.Flush();
            return;
        }
        output.WriteLine("");
        output.Flush();
        Console.Error.WriteLine(Timing(statistics) + (options.Sampling.Temperature == 0
            ? "" : $", seed {options.Sampling.Seed}"));
    }

    /// <summary>The timing line of an answer.</summary>
    internal static string Timing(GenerationStatistics s) =>
        string.Create(CultureInfo.InvariantCulture,
            $"[prefill {s.PromptTokens} tokens, {s.PrefillTokensPerSecond:f1} tok/s; "
            + $"decode {s.GeneratedTokens} tokens, {s.DecodeTokensPerSecond:f1} tok/s]");

    private static async Task<string> ReadPromptAsync(string prompt)
    {
        if (prompt != "-")
        {
            return prompt;
        }
        using var reader = new StreamReader(Console.OpenStandardInput(), Encoding.UTF8);
        return await reader.ReadToEndAsync().ConfigureAwait(false);
    }
}
