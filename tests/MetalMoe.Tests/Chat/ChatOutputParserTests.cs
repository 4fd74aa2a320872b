using System.Text.Json;
using MetalMoe.Chat;
using MetalMoe.Core.Text;
using NUnit.Framework;

namespace MetalMoe.Tests.Chat;

[TestFixture]
public sealed class ChatOutputParserTests
{
    private const string Weather = """
        {"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer"},
        "exact":{"type":"boolean"},"place":{"$ref":"#/$defs/place"},
        "tags":{"type":"array","items":{"type":"string"}},
        "note":{"anyOf":[{"type":"string"},{"type":"null"}]}},
        "$defs":{"place":{"type":"object"}}}
        """;

    private static readonly ChatOutputOptions _tools = new()
    {
        Tools = [new ChatTool("weather", "Says the weather.", JsonElement.Parse(Weather))],
    };

    [Test]
    public void A_call_in_xml_is_typed_by_the_schema()
    {
        var parts = Parse(_tools, """
            I look it up.

            <tool_call>
            <function=weather>
            <parameter=city>
            42
            </parameter>
            <parameter=days>
            3
            </parameter>
            <parameter=exact>
            True
            </parameter>
            <parameter=place>
            {"lat": 1.5}
            </parameter>
            <parameter=tags>
            ["a", "b"]
            </parameter>
            <parameter=note>
            null
            </parameter>
            <parameter=other>
            [1]
            </parameter>
            </function>
            </tool_call>
            """);

        Assert.That(parts.Select(p => p.Kind),
            Is.EqualTo((ChatOutputKind[])[ChatOutputKind.Text, ChatOutputKind.ToolCall]));
        Assert.That(parts[0].Text, Is.EqualTo("I look it up."));
        Assert.That(parts[1].ToolCall!.Name, Is.EqualTo("weather"));
        Assert.That(parts[1].ToolCall!.Error, Is.Null);
        Assert.That(parts[1].ToolCall!.Arguments.GetRawText(), Is.EqualTo(
            """{"city":"42","days":3,"exact":true,"place":{"lat":1.5},"tags":["a","b"]"""
            + ""","note":null,"other":[1]}"""));
    }

    [Test]
    public void An_argument_of_the_wrong_type_is_kept_as_text_and_named()
    {
        var parts = Parse(_tools, "<tool_call><function=weather><parameter=days>soon</parameter>"
            + "</function></tool_call>");

        Assert.That(parts, Has.Count.EqualTo(1));
        Assert.That(parts[0].ToolCall!.Arguments.GetRawText(), Is.EqualTo("""{"days":"soon"}"""));
        Assert.That(parts[0].ToolCall!.Error, Does.Contain("days").And.Contain("integer"));
    }

    [TestCase("""{"name": "weather", "arguments": {"city": "Rome", "days": "2"}}""")]
    [TestCase("""{"name": "weather", "arguments": "{\"city\": \"Rome\", \"days\": 2}"}""")]
    [TestCase("""{"parameters": {"city": "Rome", "days": 2.0}, "name": "weather"}""")]
    public void A_call_in_json_is_read(string json)
    {
        var parts = Parse(_tools, $"<tool_call>\n{json}\n</tool_call>");

        Assert.That(parts, Has.Count.EqualTo(1));
        Assert.That(parts[0].ToolCall!.Name, Is.EqualTo("weather"));
        Assert.That(parts[0].ToolCall!.Arguments.GetRawText(),
            Is.EqualTo("""{"city":"Rome","days":2}"""));
    }

    [Test]
    public void Calls_can_be_parallel_in_either_form_with_text_between()
    {
        var parts = Parse(_tools, "<tool_call>\n{\"name\":\"a\"}\n</tool_call>\n<tool_call>\n"
            + "<function=b>\n</function>\n</tool_call>\nand\n<function=c>\n</function>\n"
            + "</tool_call>\nbye");

        Assert.That(parts.Select(p => p.ToolCall?.Name ?? p.Text),
            Is.EqualTo((string[])["a", "b", "and", "c", "bye"]));
    }

    [Test]
    public void Arguments_may_speak_of_the_marks()
    {
        const string Json = """{"name":"weather","arguments":{"city":"</tool_call>"}}""";
        const string Xml = "<function=weather>\n<parameter=city>\n</parameter> and "
            + "<tool_call></tool_call>\n</parameter>\n</function>";
        var parts = Parse(
            _tools, $"<tool_call>{Json}</tool_call><tool_call>{Xml}</tool_call>");

        Assert.That(parts.Select(p => p.Kind), Has.All.EqualTo(ChatOutputKind.ToolCall));
        Assert.That(parts.Select(
                p => p.ToolCall!.Arguments.GetProperty("city").GetString()),
            Is.EqualTo((string[])
                ["</tool_call>", "</parameter> and <tool_call></tool_call>"]));
    }

    [TestCase("<tool_call>\nweather in Rome\n</tool_call>", "other text")]
    [TestCase("<tool_call>\n{\"name\": \"weather\", }\n</tool_call>", "json")]
    [TestCase("<tool_call>\n{\"city\": \"Rome\"}\n</tool_call>", "name")]
    [TestCase("<tool_call>\n{\"name\": \"w\", \"arguments\": 3}\n</tool_call>", "arguments of w")]
    [TestCase("<tool_call></tool_call>", "nothing")]
    [TestCase("<tool_call>", "nothing")]
    [TestCase("<tool_call>\n{\"name\": \"wea", "json")]
    [TestCase("<tool_call><function=weather><parameter=city>Rome", "parameter city")]
    [TestCase("<tool_call><function=weather>Rome</function></tool_call>", "weather")]
    [TestCase("<tool_call><function=></function></tool_call>", "function")]
    [TestCase("<function=weather>\n<parameter=", "parameter")]
    public void A_malformed_call_comes_out_whole_with_the_reason(string text, string reason)
    {
        var parts = Parse(_tools, "Hm. " + text);

        Assert.That(parts.Select(p => p.Kind), Is.EqualTo((ChatOutputKind[])
            [ChatOutputKind.Text, ChatOutputKind.MalformedToolCall]));
        Assert.That(parts[1].Text, Is.EqualTo(text));
        Assert.That(parts[1].Error, Does.Contain(reason).And.Not.Contain("\n"));
    }

    [Test]
    public void What_follows_a_call_with_an_open_string_is_not_lost()
    {
        var parts = Parse(_tools, "<tool_call>{\"name\": \"x}</tool_call>"
            + "<tool_call>{\"name\": \"y\"}</tool_call> end");

        Assert.That(parts.Select(p => p.ToolCall?.Name ?? p.Text), Is.EqualTo((string[])
            ["<tool_call>{\"name\": \"x}</tool_call>", "y", "end"]));
    }

    [Test]
    public void A_call_whose_end_mark_is_missing_counts()
    {
        var xml = Parse(_tools, "<tool_call>\n<function=weather>\n</function>\n");
        var json = Parse(_tools, "<tool_call>{\"name\":\"weather\"}");

        Assert.That(xml.Concat(json).Select(p => p.ToolCall?.Name),
            Is.EqualTo((string[])["weather", "weather"]));
    }

    [Test]
    public void Thoughts_are_split_from_the_answer()
    {
        const string Text = "\nWell.\n\nYes.\n</think>\n\nYes <b";
        var begun = Parse(new() { StartsInReasoning = true }, Text);
        var opened = Parse(new(), "<think>" + Text);
        var open = Parse(new() { StartsInReasoning = true }, "Well.\n\nYes.\n");

        (ChatOutputKind, string)[] both =
            [(ChatOutputKind.Reasoning, "Well.\n\nYes."), (ChatOutputKind.Text, "Yes <b")];
        Assert.That(begun.Select(p => (p.Kind, p.Text)), Is.EqualTo(both));
        Assert.That(opened.Select(p => (p.Kind, p.Text)), Is.EqualTo(both));
        Assert.That(open.Select(p => (p.Kind, p.Text)), Is.EqualTo(both[..1]));
    }

    [Test]
    public void Without_tools_and_thoughts_the_text_passes_unchanged()
    {
        const string Text = "  <tool_call> x </tool_call> <think> \n </think> \n ";

        var parts = Parse(new(), "a" + Text);

        Assert.That(parts.Select(p => p.Kind), Is.EqualTo((ChatOutputKind[])[ChatOutputKind.Text]));
        Assert.That(parts[0].Text, Is.EqualTo("a" + Text));
    }

    [Test]
    public void No_text_is_lost_however_the_marks_are_mixed_up()
    {
        string[] pieces =
        [
            "<think>", "</think>", "<tool_call>", "</tool_call>", "<function=weather>",
            "</function>", "<parameter=city>", "</parameter>", "{\"name\":\"weather\"}", "{", "\"",
            "<tool_", "a", "b", "\n", " ", "\\",
        ];
        var random = new Random(5);
        int calls = 0, malformed = 0;
        for (int i = 0; i < 5000; i++)
        {
            string text = string.Concat(Enumerable.Range(0, random.Next(1, 14))
                .Select(_ => pieces[random.Next(pieces.Length)]));
            var options = random.Next(4) > 0 ? _tools : new();
            options = options with { StartsInReasoning = random.Next(2) == 0 };
            var whole = Run(options, [text]);
            int cut = random.Next(text.Length);
            var parts = Run(options, [text[..cut], .. text[cut..].Select(c => $"{c}")]);

            Assert.That(Describe(parts), Is.EqualTo(Describe(whole)), text);
            Assert.That(Essence(string.Concat(whole.Select(p => p.Text))),
                Is.EqualTo(Essence(text)), text);
            calls += whole.Count(p => p.Kind == ChatOutputKind.ToolCall);
            malformed += whole.Count(p => p.Kind == ChatOutputKind.MalformedToolCall);
        }
        TestContext.Out.WriteLine($"parser: {calls} calls, {malformed} malformed ones");
        Assert.That(calls, Is.GreaterThan(20));
        Assert.That(malformed, Is.GreaterThan(50));

        // White space, marks of thoughts and closing marks are what a part may leave out.
        static string Essence(string text) => string.Concat(text
            .Replace("<think>", "", StringComparison.Ordinal)
            .Replace("</think>", "", StringComparison.Ordinal)
            .Replace("</tool_call>", "", StringComparison.Ordinal)
            .Where(c => !char.IsWhiteSpace(c)));
    }

    /// <summary>The parts of a text, the same for every way to cut it; neighbours of one kind
    /// joined.</summary>
    private static List<ChatOutputPart> Parse(ChatOutputOptions options, string text)
    {
        text = text.ReplaceLineEndings("\n");
        var whole = Run(options, [text]);
        for (int cut = 1; cut < text.Length; cut++)
        {
            var cutOnce = Run(options, [text[..cut], text[cut..]]);
            Assert.That(Describe(cutOnce), Is.EqualTo(Describe(whole)), $"cut at {cut}");
        }
        foreach (int size in (int[])[1, 2, 3, 7])
        {
            var pieces = Run(options, text.Chunk(size).Select(c => new string(c)));
            Assert.That(Describe(pieces), Is.EqualTo(Describe(whole)), $"pieces of {size}");
        }
        return whole;
    }

    private static List<ChatOutputPart> Run(ChatOutputOptions options, IEnumerable<string> pieces)
    {
        var parser = new ChatOutputParser(options);
        var parts = new List<ChatOutputPart>();
        foreach (string piece in pieces)
        {
            parser.Append(piece, parts);
        }
        parser.Complete(parts);
        Assert.That(parts, Has.All.Matches<ChatOutputPart>(p => p.Text.Length > 0));
        var joined = new List<ChatOutputPart>();
        foreach (var part in parts)
        {
            bool isText = part.Kind is ChatOutputKind.Text or ChatOutputKind.Reasoning;
            if (isText && joined.Count > 0 && joined[^1].Kind == part.Kind)
            {
                joined[^1] = joined[^1] with { Text = joined[^1].Text + part.Text };
            }
            else
            {
                joined.Add(part);
            }
        }
        return joined;
    }

    private static string Describe(List<ChatOutputPart> parts) => string.Join('|', parts.Select(
        p => $"{p.Kind}:{p.Text}:{p.ToolCall?.Name}:{p.ToolCall?.Arguments}:{p.Error}"));
}
