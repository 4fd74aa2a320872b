using System.Diagnostics;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using MetalMoe.Core.Tests.Text.Grammar;
using MetalMoe.Core.Text.Grammar;
using NUnit.Framework;

namespace MetalMoe.Oracle.Tests.Grammar;

[TestFixture]
public sealed class GrammarOracleTests
{
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(2);

    [Test]
    public void Every_grammar_of_llama_cpp_compiles_and_writes_texts_of_its_own()
    {
        Peers.Require();
        string[] files = Directory.GetFiles(
            Path.Combine(Peers.LlamaSource, "grammars"), "*.gbnf");
        var random = new Random(1);
        int complete = 0;
        foreach (string file in files)
        {
            var grammar = TextGrammar.ParseGbnf(File.ReadAllText(file));
            var automaton = new TokenMaskAutomaton(grammar, TestVocabulary.Small.Grammar);
            for (int i = 0; i < 5; i++)
            {
                if (RandomWriter.Write(
                    automaton, TestVocabulary.Small, random, 40, 2000) is { } text)
                {
                    complete++;
                    Assert.That(grammar.Matches(text), Is.True, $"{file}: {text}");
                }
            }
        }
        TestContext.Out.WriteLine($"{files.Length} grammars of llama.cpp, {complete} texts");
        Assert.That(files, Has.Length.GreaterThanOrEqualTo(7));
        Assert.That(complete, Is.GreaterThan(files.Length));
    }

    [Test]
    public void Ajv_finds_every_text_written_under_a_schema_valid()
    {
        if (!Directory.Exists(Path.Combine(Peers.NodeModules, "ajv-formats")))
        {
            Assert.Ignore("ajv not installed; remedy: run tests/peers/install.sh");
        }
        const int Schemas = 120;
        const int TextsOfEach = 5;
        var generator = new RandomSchema(11);
        var random = new Random(12);
        var schemas = new JsonArray();
        var cases = new JsonArray();
        for (int i = 0; i < Schemas; i++)
        {
            var schema = generator.Next();
            var automaton = new TokenMaskAutomaton(
                TextGrammar.FromJsonSchema(schema.ToJsonString()), TestVocabulary.Small.Grammar);
            for (int j = 0; j < TextsOfEach; j++)
            {
                if (RandomWriter.Write(
                    automaton, TestVocabulary.Small, random, random.Next(80), 3000) is { } text)
                {
                    cases.Add(new JsonArray(i, text));
                }
            }
            schemas.Add(schema);
        }
        // A text that is wrong on purpose shows that the judge is awake.
        cases.Add(new JsonArray(0, "{\"value\":1,\"more\":2}"));

        string?[] verdicts = Validate(new JsonObject { ["schemas"] = schemas, ["cases"] = cases });

        string[] invalid = [.. verdicts.SkipLast(1).Select((verdict, i) => (verdict, i))
            .Where(v => v.verdict is not null)
            .Select(v => $"{v.verdict}: {cases[v.i]![1]} of {schemas[(int)cases[v.i]![0]!]}")];
        TestContext.Out.WriteLine($"ajv: {cases.Count - 1} texts under {Schemas} random schemas, "
            + $"{invalid.Length} not valid");
        Assert.That(invalid, Is.Empty, string.Join('\n', invalid.Take(5)));
        Assert.That(verdicts[^1], Is.Not.Null);
        Assert.That(cases, Has.Count.GreaterThan(Schemas * TextsOfEach * 9 / 10));
    }

    private static string?[] Validate(JsonObject job)
    {
        string script = Path.Combine(Peers.RepositoryRoot, "tests", "MetalMoe.Oracle.Tests",
            "Grammar", "validate.mjs");
        var start = new ProcessStartInfo("node", [script, Peers.NodeModules])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            StandardInputEncoding = new UTF8Encoding(false),
            StandardOutputEncoding = Encoding.UTF8,
        };
        Process? process = null;
        try
        {
            process = Process.Start(start);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Assert.Ignore("node is not installed");
        }
        using (process)
        {
            var output = process!.StandardOutput.ReadToEndAsync();
            process.StandardInput.Write(job.ToJsonString());
            process.StandardInput.Close();
            if (!process.WaitForExit(_patience))
            {
                process.Kill();
                throw new TimeoutException($"ajv did not end within {_patience}");
            }
            if (process.ExitCode == 3)
            {
                Assert.Ignore("ajv not installed; remedy: run tests/peers/install.sh");
            }
            Assert.That(process.ExitCode, Is.Zero, "validate.mjs failed");
            using var verdicts = JsonDocument.Parse(output.Result);
            return [.. verdicts.RootElement.EnumerateArray().Select(v => v.GetString())];
        }
    }
}
