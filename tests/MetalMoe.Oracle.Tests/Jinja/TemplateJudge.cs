using System.Diagnostics;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using NUnit.Framework;

namespace MetalMoe.Oracle.Tests.Jinja;

/// <summary>What one implementation made of a case: a text, or why there is none.</summary>
internal sealed record Outcome(string? Text, string? Error)
{
    /// <summary>Equal texts, or no text from either.</summary>
    public bool Agrees(Outcome other) => Text == other.Text;
}

/// <summary>One template with one set of variables.</summary>
internal sealed record TemplateCase(
    int TemplateIndex, int VariablesIndex, string Template, string Conversation, string Variant)
{
    public override string ToString() => $"{Template} | {Conversation} | {Variant}";
}

/// <summary>Another implementation, run once for all cases over stdin and stdout.</summary>
internal static class TemplateJudge
{
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(5);

    /// <summary>
    /// The outcomes in the order of the cases; null when the program is not installed or says,
    /// with status 3, that something it needs is not.
    /// </summary>
    public static Outcome[]? Run(
        string program, string[] arguments, TemplateCorpus corpus, IEnumerable<TemplateCase> cases)
    {
        var job = new JsonObject
        {
            ["templates"] = new JsonArray([.. corpus.Templates.Select(t => (JsonNode)t.Source)]),
            ["variables"] = new JsonArray([.. corpus.Variables.Select(v => JsonNode.Parse(v))]),
            ["cases"] = new JsonArray(
                [.. cases.Select(c => new JsonArray(c.TemplateIndex, c.VariablesIndex))]),
        };
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            StandardInputEncoding = new UTF8Encoding(false),
            StandardOutputEncoding = Encoding.UTF8,
        };
        Process? process;
        try
        {
            process = Process.Start(start);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
        using (process)
        {
            var output = process!.StandardOutput.ReadToEndAsync();
            process.StandardInput.Write(job.ToJsonString());
            process.StandardInput.Close();
            if (!process.WaitForExit(_patience))
            {
                process.Kill();
                throw new TimeoutException($"{program} did not end within {_patience}");
            }
            if (process.ExitCode == 3)
            {
                return null;
            }
            Assert.That(process.ExitCode, Is.Zero, $"{program} failed");
            using var results = JsonDocument.Parse(output.Result);
            return [.. results.RootElement.EnumerateArray().Select(Read)];
        }
    }

    private static Outcome Read(JsonElement element) =>
        element.TryGetProperty("text", out var text)
            ? new Outcome(text.GetString(), null)
            : new Outcome(null, element.GetProperty("error").GetString());
}
