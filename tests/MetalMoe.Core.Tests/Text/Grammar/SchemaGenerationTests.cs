using System.Text.Json;
using MetalMoe.Core.Text.Grammar;
using NUnit.Framework;

namespace MetalMoe.Core.Tests.Text.Grammar;

/// <summary>Whatever a random model writes under the mask of a random schema is valid.</summary>
[TestFixture]
public sealed class SchemaGenerationTests
{
    [Test]
    public void Random_texts_under_random_schemas_are_valid()
    {
        const int Schemas = 60;
        const int TextsOfEach = 4;
        var schemas = new RandomSchema(3);
        var random = new Random(4);
        int complete = 0;
        for (int i = 0; i < Schemas; i++)
        {
            string schema = schemas.Next().ToJsonString();
            using var document = JsonDocument.Parse(schema);
            var judge = new SchemaJudge(document.RootElement);
            var automaton = new TokenMaskAutomaton(
                TextGrammar.FromJsonSchema(document.RootElement), TestVocabulary.Small.Grammar);
            for (int j = 0; j < TextsOfEach; j++)
            {
                string? text = RandomWriter.Write(
                    automaton, TestVocabulary.Small, random, random.Next(80), 3000);
                if (text is not null)
                {
                    complete++;
                    using var value = JsonDocument.Parse(
                        text, new JsonDocumentOptions { MaxDepth = 1000 });
                    Assert.That(judge.IsValid(value.RootElement), Is.True,
                        () => $"{schema}\n{text}");
                }
            }
        }
        TestContext.Out.WriteLine(
            $"schemas: {Schemas}, texts {complete} complete of {Schemas * TextsOfEach}, all valid");
        Assert.That(complete, Is.GreaterThan(Schemas * TextsOfEach * 9 / 10));
    }

    [Test]
    public void The_judge_finds_texts_that_are_not_valid()
    {
        using var schema = JsonDocument.Parse("""
            {"type":"object","properties":{"a":{"type":"integer","minimum":3},
             "b":{"oneOf":[{"type":"string","maxLength":2},{"type":"array","items":{"const":1}}]}},
             "required":["a"],"additionalProperties":false}
            """);
        var judge = new SchemaJudge(schema.RootElement);
        foreach (var (text, isValid) in ((string, bool)[])[
            ("{\"a\":3,\"b\":\"xy\"}", true), ("{\"a\":3,\"b\":[1,1]}", true), ("{}", false),
            ("{\"a\":2}", false), ("{\"a\":3.5}", false), ("{\"a\":3,\"b\":\"xyz\"}", false),
            ("{\"a\":3,\"b\":[2]}", false), ("{\"a\":3,\"c\":1}", false), ("[]", false)])
        {
            using var value = JsonDocument.Parse(text);
            Assert.That(judge.IsValid(value.RootElement), Is.EqualTo(isValid), text);
        }
    }
}
