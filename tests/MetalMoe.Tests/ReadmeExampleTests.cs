using Microsoft.Extensions.AI;
using NUnit.Framework;

namespace MetalMoe.Tests;

/// <summary>The examples of README.md: here they are compiled and run, and compared with what is
/// printed there.</summary>
[TestFixture]
public sealed class ReadmeExampleTests
{
    [Test]
    public void The_examples_in_the_readme_are_those_that_run_here()
    {
        string readme = File.ReadAllText(Path.Combine(TinyModel.Root, "README.md"));
        string source = File.ReadAllText(Path.Combine(
            TinyModel.Root, "tests", "MetalMoe.Tests", "ReadmeExampleTests.cs"));
        var printed = Blocks(readme.ReplaceLineEndings("\n"), "```csharp\n", "```");
        var run = Blocks(source.ReplaceLineEndings("\n"), "// README\n", "// END");

        Assert.That(run, Has.Count.EqualTo(2));
        Assert.That(printed, Is.EqualTo(run));
        Assert.That(printed[0].Split('\n'), Has.Length.EqualTo(5), "five lines embed a model");
    }

    [Test]
    public async Task The_first_example_writes_a_text()
    {
        string written = await CaptureAsync(async () =>
        {
            // README
            await using var model = await MoeModel.LoadAsync("model.gguf");
            await using var session = model.CreateSession();
            session.Append("Once upon a time");
            await foreach (var update in session.GenerateAsync(new() { MaxTokens = 100 }))
                Console.Write(update.Text);
            // END
        });

        Assert.That(written, Has.Length.GreaterThan(50));
    }

    [Test]
    public async Task The_second_example_answers_a_question()
    {
        string written = await CaptureAsync(async () =>
        {
            // README
            await using var model = await MoeModel.LoadAsync("model.gguf");
            using IChatClient client = model.AsIChatClient();
            var options = new ChatOptions { MaxOutputTokens = 100, Seed = 1 };
            await foreach (var update in client.GetStreamingResponseAsync("Who are you?", options))
                Console.Write(update);
            // END
        });

        Assert.That(written, Is.Not.Empty);
    }

    /// <summary>The texts between two marks, without their common indentation.</summary>
    private static List<string> Blocks(string text, string open, string close)
    {
        var blocks = new List<string>();
        foreach (string part in text.Split(open).Skip(1))
        {
            string[] lines = part[..part.IndexOf(close, StringComparison.Ordinal)]
                .TrimEnd().Split('\n');
            int indent = lines.Min(line => line.Length - line.TrimStart().Length);
            blocks.Add(string.Join('\n', lines.Select(line => line[indent..])));
        }
        // The marks are named in this file too, where no code follows.
        return blocks.FindAll(block => block.Contains("await", StringComparison.Ordinal)
            && !block.Contains("Assert", StringComparison.Ordinal));
    }

    /// <summary>Runs an example where a model.gguf lies, and returns what it writes.</summary>
    private static async Task<string> CaptureAsync(Func<Task> example)
    {
        var folder = Directory.CreateTempSubdirectory("metalmoe-readme");
        string before = Environment.CurrentDirectory;
        var console = Console.Out;
        using var written = new StringWriter();
        try
        {
            File.CreateSymbolicLink(Path.Combine(folder.FullName, "model.gguf"), TinyModel.Path);
            Environment.CurrentDirectory = folder.FullName;
            Console.SetOut(written);
            await example();
        }
        finally
        {
            Console.SetOut(console);
            Environment.CurrentDirectory = before;
            folder.Delete(recursive: true);
        }
        return written.ToString();
    }
}
