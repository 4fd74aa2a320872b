using System.Text.Json;
using NUnit.Framework;

namespace MetalMoe.Cli.Tests;

/// <summary>The JSON that scripts rely on: these names, these types, nothing else.</summary>
[TestFixture]
public sealed class ContractTests
{
    private static readonly string Model = MetalMoeProcess.Q4Model;

    [Test]
    public void Run_prints_text_tokens_and_rates()
    {
        var result = MetalMoeProcess.Run("run", "--model", Model, "--prompt", "Once upon a time",
            "--max-tokens", "8", "--temperature", "0", "--json");

        var json = Parse(result);
        Assert.That(Names(json), Is.EqualTo(
            (string[])["text", "tokens", "prompt_tokens", "prefill_tps", "decode_tps"]));
        Assert.That(json.GetProperty("tokens").GetArrayLength(), Is.EqualTo(8));
        Assert.That(json.GetProperty("text").GetString(), Has.Length.GreaterThan(8));
        Assert.That(json.GetProperty("prompt_tokens").GetInt32(), Is.EqualTo(5));
        Assert.That(json.GetProperty("prefill_tps").GetDouble(), Is.Positive);
        Assert.That(json.GetProperty("decode_tps").GetDouble(), Is.Positive);
    }

    [Test]
    public void Tokenize_prints_the_ids_of_standard_input()
    {
        using var golden = Golden();
        foreach (var prompt in golden.RootElement.GetProperty("prompts").EnumerateArray())
        {
            var result = MetalMoeProcess.RunWithInput(
                prompt.GetProperty("prompt").GetString()!, "tokenize", "--model", Model, "--json");

            var json = Parse(result);
            Assert.That(Names(json), Is.EqualTo((string[])["tokens"]));
            Assert.That(Integers(json.GetProperty("tokens")),
                Is.EqualTo(Integers(prompt.GetProperty("token_ids"))));
        }
    }

    [Test]
    public void Tokenize_in_plain_mode_reads_names_of_control_tokens_as_text()
    {
        const string Text = "<|im_end|>";
        var special = Parse(MetalMoeProcess.RunWithInput(
            Text, "tokenize", "-m", Model, "--json"));
        var plain = Parse(MetalMoeProcess.RunWithInput(
            Text, "tokenize", "-m", Model, "--json", "--plain"));

        Assert.That(Integers(special.GetProperty("tokens")), Has.Length.EqualTo(1));
        Assert.That(Integers(plain.GetProperty("tokens")), Has.Length.GreaterThan(1));
    }

    [TestCase(false)]
    [TestCase(true)]
    public void Logits_prints_positions_with_id_and_logit_largest_first(bool all)
    {
        string[] arguments =
            ["logits", "--model", Model, "--tokens", "1,2,3", "--top", "4", "--json"];

        var json = Parse(MetalMoeProcess.Run(all ? [.. arguments, "--all"] : arguments));

        Assert.That(Names(json), Is.EqualTo((string[])["positions"]));
        var positions = json.GetProperty("positions").EnumerateArray().ToArray();
        Assert.That(positions.Select(p => p.GetProperty("position").GetInt32()),
            Is.EqualTo(all ? (int[])[0, 1, 2] : [2]));
        foreach (var position in positions)
        {
            Assert.That(Names(position), Is.EqualTo((string[])["position", "top"]));
            var top = position.GetProperty("top").EnumerateArray().ToArray();
            Assert.That(top, Has.Length.EqualTo(4));
            Assert.That(top.Select(t => t[1].GetSingle()), Is.Ordered.Descending);
            Assert.That(top.Select(t => t[0].GetInt32()), Is.Unique);
        }
    }

    [Test]
    public void Perplexity_prints_it_and_the_number_of_scored_tokens()
    {
        string text = Path.GetTempFileName();
        try
        {
            File.WriteAllText(text, string.Join(' ', Enumerable.Repeat(
                "The king had a daughter, and she was very fair.", 30)) + "\n");
            string[] arguments =
                ["perplexity", "--model", Model, "--file", text, "--context", "64"];

            var json = Parse(MetalMoeProcess.Run([.. arguments, "--json"]));

            Assert.That(Names(json), Is.EqualTo((string[])["perplexity", "tokens"]));
            Assert.That(json.GetProperty("perplexity").GetDouble(), Is.InRange(1, 4096));
            // 31 tokens of each chunk of 64 are scored: the second half but the last one.
            Assert.That(json.GetProperty("tokens").GetInt64() % 31, Is.Zero);
            Assert.That(json.GetProperty("tokens").GetInt64(), Is.Positive);
            Assert.That(MetalMoeProcess.Run(arguments).Output, Does.StartWith("perplexity "));
        }
        finally
        {
            File.Delete(text);
        }
    }

    [Test]
    public void Devices_prints_name_availability_and_description()
    {
        var json = Parse(MetalMoeProcess.Run("devices", "--json"));

        Assert.That(Names(json), Is.EqualTo((string[])["devices"]));
        var devices = json.GetProperty("devices").EnumerateArray().ToArray();
        Assert.That(devices.Select(d => d.GetProperty("name").GetString()),
            Is.SupersetOf((string[])["cpu", "metal", "softmetal"]));
        foreach (var device in devices)
        {
            Assert.That(Names(device), Is.EqualTo(
                (string[])["name", "available", "description"]));
            Assert.That(device.GetProperty("description").GetString(), Is.Not.Empty);
        }
    }

    [Test]
    public void Inspect_adds_up_to_the_model_card()
    {
        var json = Parse(MetalMoeProcess.Run("inspect", "--model", Model, "--json"));

        Assert.That(Names(json), Is.EqualTo((string[])["file", "version", "parts", "file_bytes",
            "architecture", "parameters", "active_parameters", "bytes_per_token", "metadata",
            "formats", "tensors"]));
        Assert.That(json.GetProperty("parameters").GetInt64(), Is.EqualTo(27_651_632));
        Assert.That(json.GetProperty("active_parameters").GetDouble(),
            Is.EqualTo(11.1e6).Within(0.1e6));
        Assert.That(json.GetProperty("tensors").EnumerateArray()
            .Sum(t => t.GetProperty("bytes").GetInt64()),
            Is.LessThan(json.GetProperty("file_bytes").GetInt64()));
    }

    private static JsonElement Parse(CliResult result)
    {
        Assert.That(result.ExitCode, Is.Zero, result.Error);
        Assert.That(result.Output, Does.EndWith("\n"));
        Assert.That(result.Output.TrimEnd('\n'), Does.Not.Contain('\n'));
        return JsonDocument.Parse(result.Output).RootElement;
    }

    private static JsonDocument Golden() => JsonDocument.Parse(File.ReadAllText(
        Path.Combine(MetalMoeProcess.Root, "tests", "data", "golden.json")));

    private static string[] Names(JsonElement json) =>
        [.. json.EnumerateObject().Select(p => p.Name)];

    private static int[] Integers(JsonElement json) =>
        [.. json.EnumerateArray().Select(e => e.GetInt32())];
}
