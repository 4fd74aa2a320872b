using System.Text;
using MetalMoe.Core.Text.Grammar;
using NUnit.Framework;

namespace MetalMoe.Core.Tests.Text.Grammar;

[TestFixture]
public sealed class JsonSchemaTests
{
    private static readonly object[][] _schemas =
    [
        ["""{"type":"null"}""", new[] { "null", "\n\nnull" }, new[] { "0", "\n\n\nnull" }],
        ["""{"type":"boolean"}""", new[] { "true", "false" }, new[] { "null", "True" }],
        ["""{"type":["integer","null"]}""", new[] { "12", "null" }, new[] { "1.5", "\"\"" }],
        ["""{"type":"string","nullable":true}""", new[] { "\"a\"", "null" }, new[] { "1" }],
        ["true", new[] { "1", "[]", "{\"a\":[{\"b\":null}]}", "\"x\"" },
            new[] { "", "x", "{a:1}" }],
        ["{}", new[] { "[1, \"a\",\n  {}]" }, new[] { "[1,]" }],
        ["""{"type":"integer","minimum":-12,"maximum":105}""",
            new[] { "-12", "-1", "0", "9", "99", "105" },
            new[] { "-13", "106", "1050", "05", "-0", "1.0", "1e1" }],
        ["""{"type":"integer","exclusiveMinimum":8,"exclusiveMaximum":11.5}""",
            new[] { "9", "10", "11" }, new[] { "8", "12" }],
        ["""{"type":"integer","minimum":198}""", new[] { "198", "199", "200", "1000", "20000" },
            new[] { "197", "99", "-200" }],
        ["""{"type":"number","minimum":0,"maximum":1}""",
            new[] { "0", "0.5", "1", "1.0", "0.000001" }, new[] { "1.1", "-0.1", "2", "1e0" }],
        ["""{"type":"number","exclusiveMinimum":-2,"exclusiveMaximum":0}""",
            new[] { "-1", "-0.5", "-1.999" }, new[] { "-2", "0", "-2.0", "-0", "0.1" }],
        ["""{"type":"number"}""", new[] { "-1.5e-10", "0", "12" }, new[] { "01", ".5", "1e999" }],
        ["""{"type":"string","minLength":2,"maxLength":3}""",
            new[] { "\"ab\"", "\"日😀c\"", "\"\\n\\u00e9\"", "\"\\uD83D\\uDE00a\"" },
            new[] { "\"a\"", "\"abcd\"", "\"\\uD83Da\"", "\"\\uD83D\\uDE00\"" }],
        ["""{"type":"string","pattern":"^(?:ab|c)+d?$"}""",
            new[] { "\"abc\"", "\"cd\"" }, new[] { "\"\"", "\"d\"", "\"abx\"" }],
        ["""{"type":"string","pattern":"b[0-9]"}""",
            new[] { "\"b1\"", "\"aab22\"", "\"\\nb3\"" }, new[] { "\"b\"", "\"a1\"" }],
        ["""{"type":"string","pattern":"^a|z$"}""",
            new[] { "\"abc\"", "\"xyz\"" }, new[] { "\"bcd\"" }],
        [@"{""type"":""string"",""pattern"":""^[\\w.-]+@\\w{2,}\\.[^\\d\""]$""}",
            new[] { "\"a.b@cd.e\"", "\"a@bc.\\n\"" }, new[] { "\"a@bc.5\"", "\"a@b.c\"" }],
        [@"{""type"":""string"",""pattern"":""^\\\""\\\\\\u{1F600}\\x41\\t$""}",
            new[] { "\"\\\"\\\\😀A\\t\"" }, new[] { "\"A\"" }],
        ["""{"type":"string","format":"date"}""",
            new[] { "\"2024-02-29\"", "\"2000-02-29\"", "\"1999-12-31\"" },
            new[] { "\"2023-02-29\"", "\"1900-02-29\"", "\"2024-04-31\"", "\"2024-13-01\"" }],
        ["""{"type":"string","format":"date-time"}""",
            new[] { "\"2024-01-31T23:59:59Z\"", "\"2024-01-31T00:00:00.123+02:00\"" },
            new[] { "\"2024-01-31\"", "\"2024-01-31T24:00:00Z\"", "\"2024-01-31T00:00:00\"" }],
        ["""{"type":"string","format":"uuid"}""",
            new[] { "\"123e4567-e89b-12d3-a456-426614174000\"" }, new[] { "\"123e4567\"" }],
        ["""{"enum":["a","b\"c",1,null,{"k":[1,2]}]}""",
            new[] { "\"a\"", "\"b\\\"c\"", "1", "null", "{\"k\":[1,2]}" }, new[] { "2", "\"\"" }],
        ["""{"type":"string","enum":["a",1]}""", new[] { "\"a\"" }, new[] { "1" }],
        ["""{"const":{"a":[]}}""", new[] { "{\"a\":[]}" }, new[] { "{}", "{\"a\":[ ]}" }],
        ["""{"type":"array","items":{"type":"integer"},"minItems":1,"maxItems":3}""",
            new[] { "[1]", "[1, 2,3]", "[\n  1\n]" },
            new[] { "[]", "[1,2,3,4]", "[1,\"\"]", "[,1]" }],
        ["""{"type":"array","prefixItems":[{"type":"null"},{"type":"boolean"}],"items":false}""",
            new[] { "[]", "[null]", "[null,true]" }, new[] { "[true]", "[null,true,1]" }],
        ["""{"prefixItems":[{"type":"null"}],"items":{"type":"integer"},"minItems":2}""",
            new[] { "[null,1]", "[null,1,2]" }, new[] { "[]", "[null]", "[1,1]" }],
        ["""{"type":"array","maxItems":0}""", new[] { "[]" }, new[] { "[1]" }],
        ["""
            {"properties":{"a":{"type":"null"},"b":{"type":"null"},"c":{"type":"null"}},
             "required":["b"]}
            """,
            new[] { "{\"b\":null}", "{\"a\":null,\"b\": null}", "{\"b\":null, \"c\":null}" },
            new[] { "{}", "{\"a\":null}", "{\"b\":null,\"a\":null}", "{\"b\":null,}",
                "{\"d\":null}" }],
        ["""{"properties":{"a":{"const":1},"b":{"const":2}}}""",
            new[] { "{}", "{\"a\":1}", "{\"b\":2}", "{\"a\":1,\"b\":2}" },
            new[] { "{\"a\":1\"b\":2}", "{,\"b\":2}", "{\"a\":2}" }],
        ["""{"properties":{"ab":{"const":1}},"additionalProperties":{"type":"boolean"}}""",
            new[] { "{}", "{\"ab\":1,\"x\":true}", "{\"a\":true}", "{\"abc\":true,\"\":false}" },
            new[] { "{\"ab\":true}", "{\"x\":1}", "{\"\\u0061b\":true}" }],
        ["""{"type":"object","additionalProperties":false}""",
            new[] { "{}" }, new[] { "{\"a\":1}" }],
        ["""{"type":"object"}""", new[] { "{}", "{\"a\":{\"b\":1}}" }, new[] { "[]" }],
        ["""{"properties":{"a\"\\/\n":{"const":1}}}""",
            new[] { "{\"a\\\"\\\\/\\n\":1}" }, new[] { "{\"a\":1}" }],
        ["""{"anyOf":[{"type":"integer"},{"type":"array","items":{"$ref":"#"}}]}""",
            new[] { "1", "[]", "[1,[2,[3]]]" }, new[] { "[\"\"]", "[[]" }],
        ["""{"oneOf":[{"type":"string"},{"type":"integer"}]}""",
            new[] { "1", "\"\"" }, new[] { "null" }],
        ["""
            {"oneOf":[{"type":"object","required":["k"],
                       "properties":{"k":{"const":"a"},"x":{"type":"null"}}},
                      {"type":"object","required":["k"],
                       "properties":{"k":{"enum":["b","c"]}}}]}
            """, new[] { "{\"k\":\"a\",\"x\":null}", "{\"k\":\"c\"}" },
            new[] { "{\"k\":\"b\",\"x\":null}" }],
        ["""
            {"allOf":[{"$ref":"#/$defs/base"},
                      {"properties":{"b":{"const":2}},"required":["b"]}],
             "$defs":{"base":{"type":"object","required":["a"],
                              "properties":{"a":{"const":1}}}}}
            """, new[] { "{\"a\":1,\"b\":2}" }, new[] { "{\"a\":1}", "{\"b\":2,\"a\":1}" }],
        ["""
            {"$ref":"#/definitions/t~1r%20e","definitions":{"t/r e":{
              "required":["next"],"properties":{
                "next":{"anyOf":[{"$ref":"#/definitions/t~1r e"},{"type":"null"}]}}}}}
            """, new[] { "{\"next\":null}", "{\"next\":{\"next\":null}}" },
            new[] { "{\"next\":{}}" }],
    ];

    [TestCaseSource(nameof(_schemas))]
    public void A_schema_describes_these_texts(string schema, string[] good, string[] bad)
    {
        var grammar = TextGrammar.FromJsonSchema(schema);

        Assert.That(good.Where(t => !grammar.Matches(t)), Is.Empty, "should match");
        Assert.That(bad.Where(grammar.Matches), Is.Empty, "should not match");
    }

    [TestCase("""{"type":"array","uniqueItems":true}""", "uniqueItems", "#")]
    [TestCase("""{"properties":{"a/b":{"not":{}}}}""", "not", "#/properties/a~1b")]
    [TestCase("""{"items":{"if":{}}}""", "if", "#/items")]
    [TestCase("""{"multipleOf":2,"type":"integer"}""", "multipleOf", "#")]
    [TestCase("""{"patternProperties":{}}""", "patternProperties", "#")]
    [TestCase("""{"anyOf":[{"type":"string","contains":{}}]}""", "contains", "#/anyOf/0")]
    [TestCase("""{"type":"string","minItems":1}""", "minItems", "#")]
    [TestCase("""{"minLength":1,"minItems":1}""", "minItems", "#")]
    [TestCase("""{"type":"string","format":"email"}""", "email", "#")]
    [TestCase("""{"type":"string","pattern":"(?=a)"}""", "look-around", "#")]
    [TestCase("""{"type":"string","pattern":"(a)\\1"}""", "escape", "#")]
    [TestCase("""{"type":"string","pattern":"a^b"}""", "'^'", "#")]
    [TestCase("""{"type":"string","pattern":"a","minLength":1}""", "pattern", "#")]
    [TestCase("""{"type":"number","minimum":0.5}""", "minimum", "#")]
    [TestCase("""{"type":"integer","minimum":3,"maximum":2}""", "no number", "#")]
    [TestCase("""{"type":"string","minLength":3,"maxLength":2}""", "maxLength", "#")]
    [TestCase("""{"type":"string","maxLength":1e9}""", "maxLength", "#")]
    [TestCase("""{"minItems":2,"prefixItems":[{}],"items":false}""", "minItems", "#")]
    [TestCase("""{"required":["x"]}""", "'x'", "#")]
    [TestCase("""{"enum":["a"],"type":"integer"}""", "enum", "#")]
    [TestCase("""{"enum":["a"],"minLength":1}""", "minLength", "#")]
    [TestCase("""{"enum":[]}""", "enum", "#")]
    [TestCase("""{"oneOf":[{"type":"number"},{"type":"integer"}]}""", "oneOf", "#")]
    [TestCase("""{"oneOf":[{"properties":{}},{"type":"string"}]}""", "oneOf", "#")]
    [TestCase("""{"allOf":[{"type":"string"}]}""", "allOf", "#/allOf/0")]
    [TestCase("""{"$ref":"http://example.com/x"}""", "$ref", "#")]
    [TestCase("""{"$ref":"#/$defs/no"}""", "not there", "#")]
    [TestCase("""{"properties":{"a":false}}""", "false", "#/properties/a")]
    [TestCase("""{"type":"thing"}""", "type", "#")]
    [TestCase("""{"properties":{"a":3}}""", "schema must be", "#/properties/a")]
    [TestCase("{\"type\":", "expected JSON", "#")]
    [TestCase("""{"type":"null","type":"string"}""", "twice", "#")]
    public void What_is_not_supported_is_refused_by_name_and_pointer(
        string schema, string about, string pointer)
    {
        var error = Assert.Throws<GrammarException>(() => TextGrammar.FromJsonSchema(schema));

        Assert.That(error!.Message, Does.Contain(about).And.Not.Contain("\n"));
        Assert.That(error.Pointer, Is.EqualTo(pointer), error.Message);
    }

    [TestCase("""{"$ref":"#"}""")]
    [TestCase("""
        {"$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}},"$ref":"#/$defs/a"}
        """)]
    [TestCase("""{"properties":{"a":{"$ref":"#"}},"required":["a"]}""")]
    [TestCase("""{"allOf":[{"$ref":"#"}]}""")]
    [TestCase("""{"type":"array","items":{"$ref":"#"},"minItems":1}""")]
    public void Recursion_without_an_end_is_refused(string schema) =>
        Assert.That(() => TextGrammar.FromJsonSchema(schema), Throws.TypeOf<GrammarException>());

    [Test]
    public void Hostile_schemas_are_refused_or_bounded()
    {
        string deep = string.Concat(Enumerable.Repeat("{\"items\":", 5000)) + "{}"
            + new string('}', 5000);
        string regex = """{"type":"string","pattern":"^(a|b)*a(a|b){30}$"}""";
        string bomb = """{"type":"string","pattern":"^((((a{999}){999}){999}){999})$"}""";
        string wide = """{"minItems":9999,"items":{"type":"array","minItems":9999}}""";
        foreach (string schema in (string[])[deep, regex, bomb])
        {
            Assert.That(() => TextGrammar.FromJsonSchema(schema),
                Throws.TypeOf<GrammarException>(), schema[..40]);
        }
        Assert.That(TextGrammar.FromJsonSchema(wide).Matches("[[1]]"), Is.False);

        var words = new StringBuilder("{\"enum\":[");
        words.AppendJoin(',', Enumerable.Range(0, 5000).Select(i => $"\"word-{i}\""));
        var huge = TextGrammar.FromJsonSchema(words.Append("]}").ToString());
        Assert.That(huge.Matches("\"word-4711\""), Is.True);
        Assert.That(huge.Matches("\"word-5000\""), Is.False);

        string properties = string.Join(
            ',', Enumerable.Range(0, 800).Select(i => $"\"p{i}\":{{\"const\":1}}"));
        var optional = TextGrammar.FromJsonSchema("{\"properties\":{" + properties + "}}");
        Assert.That(optional.Matches("{\"p3\":1,\"p799\":1}"), Is.True);
        Assert.That(optional.Matches("{\"p3\":1,\"p2\":1}"), Is.False);
    }
}
