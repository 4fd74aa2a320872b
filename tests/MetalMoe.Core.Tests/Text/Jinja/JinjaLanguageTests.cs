using System.Text.Json;
using MetalMoe.Core.Text.Jinja;
using NUnit.Framework;

namespace MetalMoe.Core.Tests.Text.Jinja;

/// <summary>
/// The language, feature by feature: the expected texts come from Jinja2 itself (see the file).
/// </summary>
[TestFixture]
public sealed class JinjaLanguageTests
{
    private static readonly JsonElement _vectors =
        JsonDocument.Parse(JinjaRunner.ReadData("language.json")).RootElement;

    private static readonly Dictionary<string, JinjaValue> _variables =
        JinjaRunner.Variables(_vectors.GetProperty("variables"));

    private static IEnumerable<TestCaseData> Renders() => _vectors.GetProperty("renders")
        .EnumerateArray().Select((pair, index) => new TestCaseData(
            pair[0].GetString(), pair[1].GetString()).SetArgDisplayNames($"{index}"));

    private static IEnumerable<TestCaseData> Fails() => _vectors.GetProperty("fails")
        .EnumerateArray().Select((template, index) =>
            new TestCaseData(template.GetString()).SetArgDisplayNames($"{index}"));

    [TestCaseSource(nameof(Renders))]
    public void A_template_renders_as_Jinja2_renders_it(string template, string expected)
    {
        Assert.That(JinjaRunner.Render(template, _variables), Is.EqualTo(expected), template);
    }

    [TestCaseSource(nameof(Fails))]
    public void What_Jinja2_refuses_is_refused_with_a_position(string template)
    {
        var error = Assert.Throws<JinjaException>(
            () => JinjaRunner.Render(template, _variables), template);
        Assert.Multiple(() =>
        {
            Assert.That(error!.Kind, Is.Not.EqualTo(JinjaErrorKind.Limit));
            Assert.That(error.Line, Is.InRange(1, template.Count(c => c == '\n') + 1));
            Assert.That(error.Column, Is.InRange(1, template.Length + 1));
            Assert.That(error.Message, Does.StartWith("[jinja] test: ").And.Not.Contains('\n'));
        });
    }

    [Test]
    public void The_vectors_are_many()
    {
        Assert.That(Renders().Count(), Is.GreaterThanOrEqualTo(499));
        Assert.That(Fails().Count(), Is.GreaterThan(70));
    }

    // Jinja2 takes the numbers of JSON as Python reads them.
    [TestCase("{\"x\": 1.0}", "1.0")]
    [TestCase("{\"x\": 1}", "1")]
    [TestCase("{\"x\": 1e3}", "1000.0")]
    [TestCase("{\"x\": 18446744073709551616}", "18446744073709551616")]
    [TestCase("{\"x\": {\"b\": 1, \"a\": [null, true]}}", "{'b': 1, 'a': [None, True]}")]
    public void Json_values_print_as_Python_prints_them(string json, string expected)
    {
        Assert.That(JinjaRunner.Render("{{ x }}", json), Is.EqualTo(expected));
    }

    [Test]
    public void Values_of_the_host_reach_the_template()
    {
        var variables = new Dictionary<string, JinjaValue>
        {
            ["text"] = JinjaValue.From("a"),
            ["nothing"] = JinjaValue.From((string?)null),
            ["yes"] = JinjaValue.From(true),
            ["number"] = JinjaValue.From(0.5),
            ["list"] = JinjaValue.From([JinjaValue.From(1), JinjaValue.None]),
            ["dict"] = JinjaValue.From([KeyValuePair.Create("k", JinjaValue.From(7L))]),
        };
        string text = JinjaRunner.Render(
            "{{ [text, nothing, yes, number, list, dict] }}", variables);
        Assert.That(text, Is.EqualTo("['a', None, True, 0.5, [1, None], {'k': 7}]"));
        Assert.That(variables["dict"].ToString(), Is.EqualTo("{'k': 7}"));
    }

    [Test]
    public void Rendering_twice_gives_the_same_text_and_leaves_the_data_alone()
    {
        var template = JinjaTemplate.Parse(
            "{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}"
            + "{{ m.role }}{% endfor %}{{ ns.n }}{{ messages }}",
            "twice");
        var variables = JinjaRunner.Variables("""{"messages": [{"role": "a"}, {"role": "b"}]}""");
        string first = template.Render(variables);
        Assert.That(first, Is.EqualTo("ab2[{'role': 'a'}, {'role': 'b'}]"));
        Assert.That(template.Render(variables), Is.EqualTo(first));
    }
}
