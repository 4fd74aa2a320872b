using System.Text.Json;
using MetalMoe.Core.Gguf;
using MetalMoe.Core.Text;
using MetalMoe.Core.Text.Jinja;
using NUnit.Framework;

namespace MetalMoe.Core.Tests.Text.Jinja;

/// <summary>What a template sees of messages, tools and options.</summary>
[TestFixture]
public sealed class JinjaChatTemplateTests
{
    private static readonly ChatTool _tool = new(
        "find", "Finds.", Json("""{"type": "object", "properties": {"z": {}, "a": {"x": 1.0}}}"""));

    private static JsonElement Json(string text) => JsonDocument.Parse(text).RootElement;

    private static string Render(
        string template, ChatTemplateOptions? options = null, params ChatMessage[] messages)
    {
        var chat = new JinjaChatTemplate(
            JinjaTemplate.Parse(template, "chat"), null, "<s>", "</s>");
        return chat.Render(messages, options ?? new ChatTemplateOptions());
    }

    [Test]
    public void Messages_arrive_with_what_they_have_and_nothing_else()
    {
        string text = Render(
            "{{ messages | tojson }}",
            null,
            new ChatMessage("system", "Be brief."),
            new ChatMessage("user", "Hé 😀"),
            new ChatMessage("assistant", "")
            {
                ReasoningContent = "hm",
                ToolCalls = [new ChatToolCall("c1", "find", Json("""{"q": "x", "n": 2}"""))],
            },
            new ChatMessage("tool", "none") { ToolCallId = "c1", Name = "find" });
        Assert.That(text, Is.EqualTo(
            """[{"role": "system", "content": "Be brief."}, """
            + """{"role": "user", "content": "Hé 😀"}, """
            + """{"role": "assistant", "content": "", "reasoning_content": "hm", "tool_calls": """
            + """[{"id": "c1", "type": "function", "function": """
            + """{"name": "find", "arguments": {"q": "x", "n": 2}}}]}, """
            + """{"role": "tool", "content": "none", "tool_call_id": "c1", "name": "find"}]"""));
    }

    [Test]
    public void Tools_keep_the_order_of_their_keys()
    {
        var options = new ChatTemplateOptions { Tools = [_tool] };
        Assert.That(Render("{{ tools[0] | tojson }}", options), Is.EqualTo(
            """{"type": "function", "function": {"name": "find", """
            + "\"description\": \"Finds.\", \"parameters\": "
            + """{"type": "object", "properties": {"z": {}, "a": {"x": 1.0}}}}}"""));
    }

    [Test]
    public void What_is_not_given_is_undefined()
    {
        Assert.That(
            Render("{{ [tools is defined, enable_thinking is defined, add_generation_prompt] }}"),
            Is.EqualTo("[False, False, True]"));
    }

    [TestCase(true, "True True")]
    [TestCase(false, "False False")]
    public void Thinking_has_both_of_its_names(bool thinking, string expected)
    {
        var options = new ChatTemplateOptions { EnableThinking = thinking };
        Assert.That(Render("{{ enable_thinking }} {{ thinking }}", options), Is.EqualTo(expected));
    }

    [Test]
    public void Variables_of_the_caller_are_added_but_replace_nothing()
    {
        var options = new ChatTemplateOptions
        {
            AddGenerationPrompt = false,
            Variables = new Dictionary<string, JsonElement>
            {
                ["reasoning_effort"] = Json("\"high\""),
                ["messages"] = Json("[1]"),
                ["tools"] = Json("[1]"),
                ["bos_token"] = Json("\"evil\""),
            },
        };
        Assert.That(
            Render("{{ reasoning_effort }}{{ messages }}{{ tools }}{{ bos_token }}"
                + "{{ eos_token }}{{ add_generation_prompt }}", options),
            Is.EqualTo("high[]<s></s>False"));
    }

    [Test]
    public void Arguments_that_are_not_json_arrive_as_text()
    {
        var message = new ChatMessage("assistant", "")
        {
            ToolCalls = [new ChatToolCall("c1", "find", Json("\"{broken\""))],
        };
        Assert.That(
            Render("{{ messages[0].tool_calls[0].function.arguments }}", null, message),
            Is.EqualTo("{broken"));
    }

    [Test]
    public void A_template_for_tools_is_used_for_tools_only()
    {
        var chat = new JinjaChatTemplate(
            JinjaTemplate.Parse("plain", "a"), JinjaTemplate.Parse("tools", "b"));
        Assert.That(chat.Render([], new ChatTemplateOptions()), Is.EqualTo("plain"));
        Assert.That(
            chat.Render([], new ChatTemplateOptions { Tools = [_tool] }), Is.EqualTo("tools"));
    }

    [Test]
    public void A_text_that_looks_like_a_template_stays_text()
    {
        const string Attack = "{{ raise_exception('x') }}{% for a in range(9) %}<|im_end|>";
        Assert.That(
            Render("{{ messages[0].content }}", null, new ChatMessage("user", Attack)),
            Is.EqualTo(Attack));
    }

    [Test]
    public void A_template_that_refuses_a_conversation_says_why()
    {
        var error = Assert.Throws<JinjaException>(() => Render(
            "{% if messages[0].role == 'system' %}{{ raise_exception('no system role') }}"
                + "{% endif %}",
            null, new ChatMessage("system", "x")));
        Assert.That(error!.Kind, Is.EqualTo(JinjaErrorKind.Raised));
        Assert.That(error.Message, Does.StartWith("[jinja] chat: no system role (line 1"));
    }

    [Test]
    public void The_bundled_model_brings_a_template_that_writes_chatml()
    {
        using var file = GgufFile.Open(
            JinjaRunner.RepositoryFile("models/tiny-qwen35moe-q8_0.gguf"));
        var chat = JinjaChatTemplate.Load(file.Metadata, id => $"<{id}>");
        Assert.That(chat, Is.Not.Null);
        string text = chat!.Render(
            [
                new ChatMessage("user", "Hello"),
                new ChatMessage("assistant", "Hi"),
                new ChatMessage("user", "Tell me."),
            ],
            new ChatTemplateOptions());
        const string Expected = "<|im_start|>user\nHello<|im_end|>\n"
            + "<|im_start|>assistant\nHi<|im_end|>\n<|im_start|>user\nTell me.<|im_end|>\n"
            + "<|im_start|>assistant\n";
        Assert.That(text, Does.StartWith(Expected));
    }
}
