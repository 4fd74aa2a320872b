using System.Text.Json;
using MetalMoe.Core.Text;
using MetalMoe.Core.Text.Grammar;
using NUnit.Framework;

namespace MetalMoe.Core.Tests.Text.Grammar;

[TestFixture]
public sealed class ToolCallGrammarTests
{
    private const string Add = """
        {"type":"object","properties":{"a":{"type":"integer"},"b":{"$ref":"#/$defs/number"}},
        "required":["a","b"],"$defs":{"number":{"type":"integer"}}}
        """;

    private static readonly ChatTool[] _tools =
    [
        new("add", null, JsonElement.Parse(Add)),
        new("say \"hi\"", null, JsonElement.Parse("""{"type":"object","properties":{}}""")),
    ];

    [TestCase("add", """{"a": 1, "b": 2}""", true)]
    [TestCase("add", """{"a": 1}""", false)]
    [TestCase("say \\\"hi\\\"", "{}", true)]
    [TestCase("say \\\"hi\\\"", """{"a": 1}""", false)]
    [TestCase("other", "{}", false)]
    public void A_call_has_a_known_name_and_arguments_of_its_schema(
        string name, string arguments, bool isAllowed)
    {
        var grammar = TextGrammar.FromToolCalls(_tools, allowSeveral: false);
        string call = Call(name, arguments);

        Assert.That(grammar.Matches(call), Is.EqualTo(isAllowed));
        Assert.That(grammar.Matches("\n\n" + call), Is.EqualTo(isAllowed));
        Assert.That(grammar.Matches(call + "\n" + call), Is.False);
        Assert.That(grammar.Matches(""), Is.False);
    }

    [Test]
    public void Several_calls_and_an_answer_in_their_place_can_be_allowed()
    {
        string call = Call("add", """{"a": 1, "b": 2}""");
        var several = TextGrammar.FromToolCalls(_tools, allowSeveral: true);
        var either = TextGrammar.FromToolCalls(
            _tools, allowSeveral: false, JsonElement.Parse("""{"type":"boolean"}"""));

        Assert.That(several.Matches(call + "\n" + call + "\n" + call), Is.True);
        Assert.That(several.Matches("true"), Is.False);
        Assert.That(either.Matches(call), Is.True);
        Assert.That(either.Matches("true"), Is.True);
        Assert.That(either.Matches(call + "true"), Is.False);
    }

    [Test]
    public void A_schema_that_is_not_supported_is_refused()
    {
        var tool = new ChatTool("f", null, JsonElement.Parse("""{"patternProperties":{}}"""));

        Assert.That(() => TextGrammar.FromToolCalls([tool], allowSeveral: true),
            Throws.TypeOf<GrammarException>().With.Message.Contains("patternProperties"));
        Assert.That(() => TextGrammar.FromToolCalls([], allowSeveral: true),
            Throws.InstanceOf<ArgumentOutOfRangeException>());
    }

    private static string Call(string name, string arguments) =>
        $"<tool_call>\n{{\"name\": \"{name}\", \"arguments\": {arguments}}}\n</tool_call>";
}
