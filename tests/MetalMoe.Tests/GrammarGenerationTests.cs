using System.Text.Json;
using MetalMoe.Core;
using MetalMoe.Core.Runtime.Sampling;
using MetalMoe.Core.Text.Grammar;
using NUnit.Framework;

namespace MetalMoe.Tests;

[TestFixture]
public sealed class GrammarGenerationTests
{
    private const string Schema = """
        {"type":"object","additionalProperties":false,"required":["name","age","tags"],
         "properties":{
           "name":{"type":"string","minLength":1,"maxLength":12},
           "age":{"type":"integer","minimum":1,"maximum":99},
           "tags":{"type":"array","minItems":1,"maxItems":3,"items":{"enum":["cat","dog"]}}}}
        """;

    [Test]
    public async Task An_answer_under_a_schema_is_json_of_the_schema_and_ends_by_itself()
    {
        await using var model = await TinyModel.LoadAsync();
        await using var session = model.CreateSession();
        var grammar = TextGrammar.FromJsonSchema(Schema);
        for (ulong seed = 1; seed <= 5; seed++)
        {
            session.Reset();
            session.Append("Once upon a time there was a girl:");
            var updates = await session.GenerateAsync(new GenerationOptions
            {
                MaxTokens = 400,
                Grammar = grammar,
                Sampling = new SamplingOptions { Seed = seed, Temperature = 1 },
            }).ToListAsync();
            string text = string.Concat(updates.Select(u => u.Text));

            Assert.That(updates[^1].FinishReason, Is.EqualTo(FinishReason.EndToken), text);
            using var document = JsonDocument.Parse(text);
            var root = document.RootElement;
            Assert.That(root.EnumerateObject().Select(p => p.Name),
                Is.EqualTo((string[])["name", "age", "tags"]));
            Assert.That(root.GetProperty("name").GetString()!.EnumerateRunes().Count(),
                Is.InRange(1, 12));
            Assert.That(root.GetProperty("age").GetInt32(), Is.InRange(1, 99));
            string?[] tags = [.. root.GetProperty("tags").EnumerateArray()
                .Select(t => t.GetString())];
            Assert.That(tags, Has.Length.InRange(1, 3));
            Assert.That(tags, Has.All.AnyOf("cat", "dog"));
        }
    }

    [Test]
    public async Task A_grammar_can_begin_behind_a_text_of_the_answer()
    {
        await using var model = await TinyModel.LoadAsync();
        await using var session = model.CreateSession();
        session.Append("Once upon a time");
        var updates = await session.GenerateAsync(new GenerationOptions
        {
            MaxTokens = 600,
            Grammar = TextGrammar.ParseGbnf("root ::= \" yes\" | \" no\""),
            GrammarAfter = " the",
            Sampling = SamplingOptions.Greedy,
        }).ToListAsync();
        string text = string.Concat(updates.Select(u => u.Text));

        Assert.That(updates[^1].FinishReason, Is.EqualTo(FinishReason.EndToken), text);
        Assert.That(text, Does.Match("^(?s:(?! the).)* the (yes|no)$"));
    }

    [Test]
    public void Impossible_combinations_are_refused()
    {
        var grammar = TextGrammar.ParseGbnf("root ::= \"a\"");

        Assert.That(
            () => new GenerationOptions { Grammar = grammar, IgnoreEndTokens = true }.Validate(),
            Throws.TypeOf<MetalMoeException>().With.Message.Contains("end tokens"));
        Assert.That(() => new GenerationOptions { GrammarAfter = "x" }.Validate(),
            Throws.TypeOf<MetalMoeException>().With.Message.Contains("grammar after"));
    }
}
