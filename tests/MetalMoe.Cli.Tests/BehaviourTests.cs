using System.Text.Json;
using NUnit.Framework;

namespace MetalMoe.Cli.Tests;

[TestFixture]
public sealed class BehaviourTests
{
    private static readonly string Model = MetalMoeProcess.Q4Model;

    [Test]
    public void The_same_seed_gives_the_same_text_at_any_number_of_threads()
    {
        string Text(string threads, string seed) => Read(MetalMoeProcess.Run(
            "run", "-m", Model, "-p", "Once upon a time there was", "-n", "40", "--seed", seed,
            "--threads", threads, "--json"));

        string one = Text("1", "7");
        Assert.That(one, Has.Length.GreaterThan(40));
        Assert.That(Text("1", "7"), Is.EqualTo(one));
        Assert.That(Text("2", "7"), Is.EqualTo(one));
        Assert.That(Text("3", "7"), Is.EqualTo(one));
        Assert.That(Text("2", "8"), Is.Not.EqualTo(one));
    }

    [Test]
    public void Streamed_text_is_the_text_of_the_json()
    {
        string[] arguments =
            ["run", "-m", Model, "-p", "The old king", "-n", "30", "--temperature", "0"];

        var streamed = MetalMoeProcess.Run(arguments);
        var json = MetalMoeProcess.Run([.. arguments, "--json"]);

        Assert.That(streamed.Output, Is.EqualTo(Read(json) + "\n"));
        Assert.That(streamed.ErrorLine, Does.Match(
            @"^\[prefill \d+ tokens, [\d.]+ tok/s; decode 30 tokens, [\d.]+ tok/s\]$"));
        Assert.That(streamed.Output + streamed.Error, Does.Not.Contain('\u001b'));
    }

    [Test]
    public void A_stop_string_ends_the_text_and_is_not_in_it()
    {
        string[] arguments =
            ["run", "-m", Model, "-p", "The old king", "-n", "60", "--temperature", "0", "--json"];
        string whole = Read(MetalMoeProcess.Run(arguments));
        // From the middle of one word to the middle of the next: it spans tokens.
        int space = whole.IndexOf(' ', 20);
        string stop = whole[(space - 2)..(space + 3)];

        string stopped = Read(MetalMoeProcess.Run([.. arguments, "--stop", stop]));

        Assert.That(stopped, Is.EqualTo(whole[..whole.IndexOf(stop, StringComparison.Ordinal)]));
    }

    [Test]
    public void Chat_answers_every_line_of_its_input()
    {
        var result = MetalMoeProcess.RunWithInput("Tell me a story.\n\nAnother one.\n/reset\n"
            + "Once more.\n/exit\nNot this.\n", "chat", "-m", Model, "-n", "12", "--seed", "1");

        Assert.That(result.ExitCode, Is.Zero, result.Error);
        Assert.That(result.Error, Is.Empty);
        Assert.That(result.Output.TrimEnd('\n').Split('\n'), Has.Length.GreaterThanOrEqualTo(3));
        Assert.That(result.Output, Does.Not.Contain("<|im_end|>"));
    }

    [Test]
    [Platform(Exclude = "Win")]
    public async Task Ctrl_C_in_chat_stops_the_answer_and_not_the_program()
    {
        // Without an end token the answer would go on to the end of the context.
        using var chat = MetalMoeProcess.Start("chat", "-m", Model, "-n", "100000",
            "--logit-bias", "4089:-inf", "--logit-bias", "4087:-inf", "--context", "200000");
        await chat.Input.WriteLineAsync("Tell me a story.");
        await chat.Input.FlushAsync();
        var first = new char[20];
        await chat.Output.ReadBlockAsync(first);

        chat.Interrupt();
        await chat.Input.WriteLineAsync("/exit");
        await chat.Input.FlushAsync();
        var result = chat.Finish();

        Assert.That(result.ExitCode, Is.Zero, result.Error);
        Assert.That(result.ErrorLine, Is.EqualTo("[stopped]"));
    }

    [Test]
    [Platform(Exclude = "Win")]
    public async Task Ctrl_C_in_run_ends_it_with_exit_code_130()
    {
        using var run = MetalMoeProcess.Start("run", "-m", Model, "-p", "Once", "-n", "100000",
            "--logit-bias", "4089:-inf", "--logit-bias", "4087:-inf", "--context", "200000");
        await run.Output.ReadBlockAsync(new char[10]);

        run.Interrupt();
        var result = run.Finish();

        Assert.That(result.ExitCode, Is.EqualTo(130));
        Assert.That(result.ErrorLine, Is.EqualTo("metalmoe: interrupted"));
    }

    [Test]
    [Platform(Exclude = "Win")]
    public async Task A_reader_that_closes_the_pipe_ends_the_run_quietly()
    {
        using var run = MetalMoeProcess.Start("run", "-m", Model, "-p", "Once", "-n", "100000",
            "--logit-bias", "4089:-inf", "--logit-bias", "4087:-inf", "--context", "200000");
        await run.Output.ReadBlockAsync(new char[10]);

        run.Output.Close();
        var result = run.Finish(Task.FromResult(""));

        Assert.That(result.ExitCode, Is.Zero);
        Assert.That(result.Error, Is.Empty);
    }

    [Test]
    public void A_prompt_longer_than_the_context_is_an_error_with_the_remedy()
    {
        var result = MetalMoeProcess.Run("run", "-m", Model, "-p",
            string.Join(' ', Enumerable.Repeat("word", 50)), "--context", "16");

        Assert.That(result.ExitCode, Is.EqualTo(1));
        Assert.That(result.ErrorLine, Does.Contain("context").And.Contains("larger"));
    }

    [Test]
    public void A_synthetic_model_is_the_same_file_for_the_same_seed_and_runs()
    {
        string a = Path.GetTempFileName(), b = Path.GetTempFileName();
        try
        {
            foreach (string path in (string[])[a, b])
            {
                var made = MetalMoeProcess.Run("synth", "--output", path, "--seed", "3",
                    "--vocab", Model, "--json");
                Assert.That(made.ExitCode, Is.Zero, made.Error);
            }
            var run = MetalMoeProcess.Run(
                "run", "-m", a, "-p", "Hello", "-n", "5", "--temperature", "0", "--json");

            Assert.That(File.ReadAllBytes(a).AsSpan().SequenceEqual(File.ReadAllBytes(b)));
            Assert.That(run.ExitCode, Is.Zero, run.Error);
        }
        finally
        {
            File.Delete(a);
            File.Delete(b);
        }
    }

    private static string Read(CliResult result)
    {
        Assert.That(result.ExitCode, Is.Zero, result.Error);
        using var json = JsonDocument.Parse(result.Output);
        return json.RootElement.GetProperty("text").GetString()!;
    }
}
