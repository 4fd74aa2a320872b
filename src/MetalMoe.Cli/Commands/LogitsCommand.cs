using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using MetalMoe.Cli.Output;
using MetalMoe.Core;
using MetalMoe.Core.Runtime;
using MetalMoe.Core.Runtime.Sampling;

namespace MetalMoe.Cli.Commands;

/// <summary><c>metalmoe logits</c>: tokens in, the largest logits out, for comparisons.</summary>
internal static class LogitsCommand
{
    private static readonly ModelArguments Model = new();

    private static readonly Option<string> Tokens = new("--tokens")
    {
        Description = "Token ids separated by commas",
        HelpName = "1,2,3",
        Required = true,
    };

    private static readonly Option<int> Top = new("--top")
    {
        Description = "How many of the largest logits",
        HelpName = "N",
        DefaultValueFactory = _ => 20,
    };

    private static readonly Option<bool> All = new("--all")
    {
        Description = "After every token, not only after the last one",
    };

    private static readonly Option<bool> Json = new("--json") { Description = "As JSON" };

    public static Command Create()
    {
        var command = new ExampleCommand("logits",
            "Runs tokens and prints the largest logits.",
            "metalmoe logits -m MODEL --tokens 1,2,3 --top 5",
            "metalmoe logits -m MODEL --tokens 1,2,3 --top 20 --all --json");
        Model.AddTo(command);
        command.Add(Tokens);
        command.Add(Top);
        command.Add(All);
        command.Add(Json);
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parsed)
    {
        int[] tokens = Usage.Tokens(parsed.GetRequiredValue(Tokens));
        int top = parsed.GetValue(Top);
        if (top < 1)
        {
            throw new UsageException($"--top: expected at least 1, got {top}");
        }
        using var interrupt = new Interrupt();
        await using var model = await Model.LoadAsync(parsed, null, interrupt.Token)
            .ConfigureAwait(false);
        await using var session = model.CreateSession();
        var best = new int[Math.Min(top, model.VocabularySize)];
        var rows = new List<(int Position, (int Id, float Logit)[] Top)>();
        await session.EvaluateAsync(
            tokens, parsed.GetValue(All) ? LogitsMode.All : LogitsMode.Last,
            (position, logits) => rows.Add((position, Select(logits, best))),
            interrupt.Token).ConfigureAwait(false);
        if (parsed.GetValue(Json))
        {
            WriteJson(rows);
        }
        else
        {
            WriteText(rows);
        }
        return 0;
    }

    private static (int Id, float Logit)[] Select(ReadOnlySpan<float> logits, int[] best)
    {
        foreach (float logit in logits)
        {
            if (!float.IsFinite(logit))
            {
                throw new MetalMoeException($"[logits] expected finite numbers, got {logit}");
            }
        }
        TopTokens.Select(logits, best);
        var row = new (int, float)[best.Length];
        for (int i = 0; i < row.Length; i++)
        {
            row[i] = (best[i], logits[best[i]]);
        }
        return row;
    }

    private static void WriteJson(List<(int Position, (int Id, float Logit)[] Top)> rows)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteStartArray("positions");
            foreach (var (position, top) in rows)
            {
                json.WriteStartObject();
                json.WriteNumber("position", position);
                json.WriteStartArray("top");
                foreach (var (id, logit) in top)
                {
                    json.WriteStartArray();
                    json.WriteNumberValue(id);
                    json.WriteNumberValue(logit);
                    json.WriteEndArray();
                }
                json.WriteEndArray();
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();
        }
        using var output = new StandardOutput();
        output.WriteLine(global::System.Text.Encoding.UTF8.GetString(
            buffer.GetBuffer().AsSpan(0, (int)buffer.Length)));
        output.Flush();
    }

    private static void WriteText(List<(int Position, (int Id, float Logit)[] Top)> rows)
    {
        using var output = new StandardOutput();
        foreach (var (position, top) in rows)
        {
            foreach (var (id, logit) in top)
            {
                output.WriteLine(string.Create(
                    CultureInfo.InvariantCulture, $"{position,8} {id,8} {logit,12:f5}"));
            }
        }
        output.Flush();
    }
}
