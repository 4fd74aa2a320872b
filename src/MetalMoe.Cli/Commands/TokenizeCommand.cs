using System.CommandLine;
using System.Text;
using System.Text.Json;
using MetalMoe.Cli.Output;
using MetalMoe.Core.Gguf;

namespace MetalMoe.Cli.Commands;

/// <summary><c>metalmoe tokenize</c>: text from standard input to token ids.</summary>
internal static class TokenizeCommand
{
    private static readonly ModelArguments Model = new();

    private static readonly Option<bool> Plain = new("--plain")
    {
        Description = "Names of special tokens are ordinary text",
    };

    private static readonly Option<bool> Json = new("--json")
    {
        Description = "One JSON object instead of one token a line",
    };

    public static Command Create()
    {
        var command = new ExampleCommand("tokenize",
            "Reads text from standard input and prints its tokens; a file with nothing but a "
            + "vocabulary will do.",
            "echo -n \"Once upon a time\" | metalmoe tokenize -m MODEL",
            "metalmoe tokenize -m MODEL --json < book.txt");
        Model.AddTo(command, withContext: false);
        command.Add(Plain);
        command.Add(Json);
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parsed)
    {
        using var file = GgufFile.Open(parsed.GetRequiredValue(Model.Model));
        var text = ModelText.Load(file);
        using var input = new MemoryStream();
        using (var stdin = Console.OpenStandardInput())
        {
            await stdin.CopyToAsync(input).ConfigureAwait(false);
        }
        int[] tokens = text.Encode(
            input.GetBuffer().AsSpan(0, (int)input.Length), !parsed.GetValue(Plain));
        using var output = new StandardOutput();
        if (parsed.GetValue(Json))
        {
            output.WriteLine(JsonSerializer.Serialize(
                new TokenizeJson(tokens), CliJson.Readable.TokenizeJson));
        }
        else
        {
            foreach (int token in tokens)
            {
                output.WriteLine($"{token,8}  {Quote(text.TokenBytes(token))}");
            }
        }
        output.Flush();
        return 0;
    }

    private static string Quote(ReadOnlySpan<byte> bytes)
    {
        var quoted = new StringBuilder("'");
        foreach (var rune in Encoding.UTF8.GetString(bytes).EnumerateRunes())
        {
            quoted.Append(rune.Value switch
            {
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                < 32 or 127 => $"\\x{rune.Value:x2}",
                _ => rune.ToString(),
            });
        }
        return quoted.Append('\'').ToString();
    }
}
